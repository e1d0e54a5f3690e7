import type { KeyObject } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { sha256 } from '../kernel/digest.ts';
import { parseJson } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { OutboundError, type Outbound } from '../outbound/port.ts';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import {
  importKeys,
  type IssuerKey,
  type JsonWebKeySet,
  type KeySetProblem,
  thumbprintsOf,
} from './key-set.ts';
import type { Algorithm } from './signature.ts';

/** Where an issuer's or client's public keys are: pinned, or at a URL. Exactly one is set. */
export interface KeySource {
  readonly jwks?: JsonWebKeySet;
  readonly jwksUri?: string;
}

/** What is published at one address, or pinned. */
export interface KeySet {
  readonly keys: readonly IssuerKey[];
  readonly thumbprints: readonly string[];
  /** Epoch milliseconds: when it was asked for. */
  readonly fetchedAt: number;
}

export interface IssuerKeys {
  /**
   * The keys that may have signed: those with the id, or without an id every key that fits the algorithm. Empty: none.
   * Asks the issuer again at most once per {@link minRefreshMs} when an id is not known, and once more soon after that.
   */
  find(
    source: KeySource,
    algorithm: Algorithm,
    keyId: string | undefined,
  ): Promise<Result<readonly KeyObject[], KeySetProblem>>;
  /** The set from which {@link IssuerKeys.find} chooses. `isFresh`: not older than {@link minRefreshMs}. */
  read(
    source: KeySource,
    want?: { readonly keyId?: string | undefined; readonly isFresh?: boolean },
  ): Promise<Result<KeySet, KeySetProblem>>;
  /** Fetches and checks now: for registration. */
  check(source: KeySource): Promise<Result<KeySet, KeySetProblem>>;
}

const maxBytes = 128 * 1024;
/** Keys are asked for again after this long. */
const freshMs = 10 * 60_000;
/** An issuer that is down keeps its last keys this long. */
const hardAgeMs = 24 * 3600_000;
/** Between two fetches from one address, whatever tokens say: a flood of unknown ids must not become a flood of fetches. */
const minRefreshMs = 5_000;
/** An issuer that rotates right after somebody has probed for an unknown id would be refused until then: one fetch more is allowed. */
const extraRefresh = { afterMs: 1_000, everyMs: 60_000 } as const;
const maxCached = 10_000;

interface Cached {
  set: KeySet | undefined;
  triedAt: number;
  /** When {@link extraRefresh} was used. */
  extraAt: number;
  problem: KeySetProblem | undefined;
  running: Promise<void> | undefined;
}

export function createIssuerKeys(deps: {
  readonly clock: Clock;
  readonly outbound: Pick<Outbound, 'fetch'>;
}): IssuerKeys {
  const cache = new BoundedCache<Cached>(maxCached);
  /** By content: a record read twice is two objects, and importing a key costs more than a look-up. */
  const pinned = new BoundedCache<Result<KeySet, KeySetProblem>>(maxCached);

  function entry(uri: string): Cached {
    const known = cache.get(uri);
    if (known !== undefined) return known;
    const made: Cached = {
      set: undefined,
      triedAt: -Infinity,
      extraAt: -Infinity,
      problem: undefined,
      running: undefined,
    };
    cache.set(uri, made);
    return made;
  }

  function mayRefresh(cached: Cached, isUnknown: boolean): boolean {
    const now = deps.clock.now();
    const waited = now - cached.triedAt;
    if (waited >= minRefreshMs) return true;
    if (!isUnknown || cached.problem !== undefined || waited < extraRefresh.afterMs) return false;
    if (now - cached.extraAt < extraRefresh.everyMs) return false;
    cached.extraAt = now;
    return true;
  }

  /** Coalesced, and within the budget. `isUnknown`: because of a key id that is not in the set. */
  async function refresh(uri: string, cached: Cached, isUnknown: boolean): Promise<void> {
    if (cached.running !== undefined) return cached.running;
    if (!mayRefresh(cached, isUnknown)) return;
    const triedAt = deps.clock.now();
    cached.triedAt = triedAt;
    cached.running = fetchKeys(deps.outbound, uri)
      .then((result) => {
        if (result.ok) keep(cached, setOf(result.value, triedAt));
        else cached.problem = result.error;
      })
      // Also after a failure that nobody foresaw: or the next one would wait for this one for ever.
      .finally(() => (cached.running = undefined));
    return cached.running;
  }

  function keep(cached: Cached, set: KeySet): void {
    cached.set = set;
    cached.problem = undefined;
  }

  async function fromUri(
    uri: string,
    { keyId, isFresh = false }: { readonly keyId?: string | undefined; readonly isFresh?: boolean },
  ): Promise<Result<KeySet, KeySetProblem>> {
    const cached = entry(uri);
    const ageOf = ({ fetchedAt }: KeySet) => deps.clock.now() - fetchedAt;
    const age = cached.set === undefined ? Infinity : ageOf(cached.set);
    const isUnknown = keyId !== undefined && cached.set?.keys.some((key) => key.keyId === keyId) !== true;
    const isDue = age > (isFresh ? minRefreshMs : freshMs);
    // An issuer that did not answer when it was last asked is asked beside: its tokens wait for it once, not each time.
    const isSlow = cached.problem !== undefined && age <= hardAgeMs && !isUnknown && !isFresh;
    if (cached.set === undefined || isUnknown || (isDue && !isSlow)) await refresh(uri, cached, isUnknown);
    else if (isDue) refresh(uri, cached, false).catch(() => undefined);
    const { set } = cached;
    if (set === undefined || ageOf(set) > (isFresh ? minRefreshMs : hardAgeMs))
      return err(cached.problem ?? 'keys_unreachable');
    return ok(set);
  }

  function fromPinned(jwks: JsonWebKeySet): Result<KeySet, KeySetProblem> {
    const content = sha256(JSON.stringify(jwks));
    const known = pinned.get(content);
    if (known !== undefined) return known;
    const imported = importKeys(jwks);
    const made = imported.ok ? ok(setOf(imported.value, deps.clock.now())) : imported;
    pinned.set(content, made);
    return made;
  }

  const read: IssuerKeys['read'] = (source, want = {}) =>
    source.jwks === undefined
      ? fromUri(source.jwksUri ?? '', want)
      : Promise.resolve(fromPinned(source.jwks));

  return {
    read,
    async find(source, algorithm, keyId) {
      const set = await read(source, { keyId });
      return set.ok ? ok(candidates(set.value, algorithm, keyId)) : set;
    },
    async check(source) {
      const { jwks, jwksUri = '' } = source;
      if (jwks !== undefined) return fromPinned(jwks);
      const fetchedAt = deps.clock.now();
      const keys = await fetchKeys(deps.outbound, jwksUri);
      if (!keys.ok) return keys;
      const set = setOf(keys.value, fetchedAt);
      const cached = cache.get(jwksUri);
      if (cached !== undefined) keep(cached, set);
      return ok(set);
    },
  };
}

function setOf(keys: readonly IssuerKey[], fetchedAt: number): KeySet {
  return { keys, thumbprints: thumbprintsOf(keys), fetchedAt };
}

/** Which keys of a set may have signed a token with this header. */
export function candidates(
  { keys }: KeySet,
  algorithm: Algorithm,
  keyId: string | undefined,
): readonly KeyObject[] {
  return (
    keys
      .filter((candidate) => keyId === undefined || candidate.keyId === keyId)
      .filter(({ algorithms }) => algorithms.includes(algorithm))
      .map(({ key }) => key)
      // Without an id, each key costs a verification.
      .slice(0, keyId === undefined ? 4 : 2)
  );
}

async function fetchKeys(
  outbound: Pick<Outbound, 'fetch'>,
  uri: string,
): Promise<Result<readonly IssuerKey[], KeySetProblem>> {
  try {
    const response = await outbound.fetch({ url: uri, maxBytes });
    return response.status === 200 ? importKeys(parseJson(response.body)) : err('keys_unreachable');
  } catch (error) {
    if (error instanceof OutboundError)
      return err(error.code === 'too_large' ? 'keys_unusable' : 'keys_unreachable');
    throw error;
  }
}
