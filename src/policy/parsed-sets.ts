import type { ActivePolicy, PolicySet } from './policy.ts';

export type Cedar = typeof import('@cedar-policy/cedar-wasm/nodejs');

/** Over all owners: about 30 MB for a thousand policies. */
export const maxParsed = 2000;

interface Slot {
  readonly name: string;
  readonly version: string;
  readonly size: number;
}

/**
 * Parsed sets in one Cedar instance, by owner; of too many, those that were asked least lately go. Cedar forgets a set only when another
 * takes its name, so names are few and used again.
 */
export class ParsedSets {
  readonly #cedar: Cedar;
  readonly #slots = new Map<string, Slot>();
  readonly #free: string[] = [];
  #names = 0;
  #parsed = 0;

  constructor(cedar: Cedar) {
    this.#cedar = cedar;
  }

  /** The name under which this version of the set lies parsed. */
  nameOf(set: PolicySet, version: string): string {
    const known = this.#slots.get(set.owner);
    if (known?.version === version) {
      this.#slots.delete(set.owner);
      this.#slots.set(set.owner, known);
      return known.name;
    }
    this.#forget(set.owner);
    while (this.#parsed + set.active.length > maxParsed && this.#slots.size > 0)
      this.#forget(this.#slots.keys().next().value ?? '');
    const name = this.#free.pop() ?? `set-${this.#names++}`;
    parse(this.#cedar, name, set.active);
    this.#slots.set(set.owner, { name, version, size: set.active.length });
    this.#parsed += set.active.length;
    return name;
  }

  #forget(owner: string): void {
    const slot = this.#slots.get(owner);
    if (slot === undefined) return;
    parse(this.#cedar, slot.name, []);
    this.#slots.delete(owner);
    this.#free.push(slot.name);
    this.#parsed -= slot.size;
  }
}

/** What was valid when it was written parses; if it does not, nothing may be decided with it. */
export function parse(cedar: Cedar, name: string, policies: readonly ActivePolicy[]): void {
  const staticPolicies = Object.fromEntries(policies.map(({ id, text }) => [id, text]));
  const parsed = cedar.preparsePolicySet(name, { staticPolicies });
  if (parsed.type === 'failure')
    throw new Error(`a stored policy does not parse: ${parsed.errors[0]?.message}`);
}
