import { epochSeconds } from '../kernel/clock.ts';
import { Fault } from '../kernel/fault.ts';
import { partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { TrustContext } from './deps.ts';
import type { Delegation } from './model.ts';
import type { PageRequest } from './list-indexed.ts';

/** A chain lives as long as its first token, so a tree of this many links was made by somebody who wanted it large. */
const maxLinks = 10_000;

/** `stopped`: something before it in the chain is revoked. What else it rests on is asked at each use, and not told here. */
export type DelegationState = 'active' | 'expired' | 'revoked' | 'stopped';

/** What of a delegation may be shown: not who the user is, nor what others on the way have agreed among themselves. */
const shownMembers = [
  'id',
  'txn',
  'tenant',
  'provider',
  'agent',
  'clientId',
  'scope',
  'issuedAt',
  'expiresAt',
  'depth',
  'revokedAt',
  'revokedReason',
] as const satisfies readonly (keyof Delegation)[];

/** A delegation as one party sees it. */
export interface DelegationView
  extends
    Pick<Delegation, (typeof shownMembers)[number]>,
    Partial<Pick<Delegation, 'parent' | 'deployment' | 'authorizationServer'>> {
  readonly state: DelegationState;
}

export interface DelegationPage {
  readonly items: readonly DelegationView[];
  readonly cursor?: string;
}

/**
 * The links of one chain of calls that the caller may see, parents before children. A tenant sees all that was done in its
 * name; a provider the links that it took part in, as the company that calls or the one that is called. Of a chain that does
 * not exist, or is all others', there are none. Throws `invalid_request` for a cursor that is no link of the answer.
 */
export async function listDelegations(
  context: TrustContext,
  txn: string,
  page: PageRequest,
  by: Principal,
): Promise<DelegationPage> {
  const all: Delegation[] = [];
  for await (const link of context.repository.eachDelegation(txn)) {
    all.push(link);
    if (all.length === maxLinks) break;
  }
  const visible = await visibleTo(context, all, by);
  const links = visible.toSorted(
    (a, b) => a.issuedAt - b.issuedAt || a.chain.delegations.length - b.chain.delegations.length,
  );
  // Resumed behind a link that the caller has seen: the store's own cursors would count links that are others'.
  const start = page.cursor === undefined ? 0 : links.findIndex(({ id }) => id === page.cursor) + 1;
  if (page.cursor !== undefined && start === 0)
    throw new Fault('invalid_request', 'The cursor is not one that was given for this list.');
  const items = links.slice(start, start + page.limit);
  const views = viewsOf(context, items, { known: all, shown: visible, by });
  const last = items.at(-1);
  return start + page.limit < links.length && last !== undefined
    ? { items: views, cursor: last.id }
    : { items: views };
}

/** Throws `not_found`, the same for what does not exist and what the caller took no part in. */
export async function readDelegation(
  context: TrustContext,
  id: string,
  by: Principal,
): Promise<DelegationView> {
  const delegation = await context.repository.delegation(id);
  return showDelegation(context, await requireVisible(context, id, delegation, by), by);
}

export async function showDelegation(
  context: TrustContext,
  delegation: Delegation,
  by: Principal,
): Promise<DelegationView> {
  const ancestors = await context.repository.delegationsOf(delegation.chain.delegations);
  const known = [delegation, ...ancestors.filter((link) => link !== undefined)];
  const shown = await visibleTo(context, known, by);
  const [view] = viewsOf(context, [delegation], { known, shown, by });
  if (view === undefined) throw new Error('one delegation has one view');
  return view;
}

/** Throws `not_found`. */
export async function requireVisible(
  context: TrustContext,
  id: string,
  delegation: Delegation | undefined,
  by: Principal,
): Promise<Delegation> {
  const [visible] = delegation === undefined ? [] : await visibleTo(context, [delegation], by);
  if (visible === undefined) throw new Fault('not_found', `There is no delegation ${id}.`);
  return visible;
}

async function visibleTo(
  context: TrustContext,
  links: readonly Delegation[],
  by: Principal,
): Promise<readonly Delegation[]> {
  if (by.kind === 'operator') return links;
  const own = partyId(by.owner);
  if (partyKind(by.owner) === 'tenant') return links.filter(({ tenant }) => tenant === own);
  const clients = [...new Set(links.map(({ clientId }) => clientId))];
  const owners = new Map(
    await Promise.all(
      clients.map(async (id) => [id, (await context.repository.client(id))?.value.owner] as const),
    ),
  );
  return links.filter(({ provider, clientId }) => provider === own || owners.get(clientId) === by.owner);
}

function viewsOf(
  context: TrustContext,
  links: readonly Delegation[],
  {
    known,
    shown,
    by,
  }: {
    readonly known: readonly Delegation[];
    readonly shown: readonly Delegation[];
    readonly by: Principal;
  },
): readonly DelegationView[] {
  const revoked = new Set(known.filter(({ revokedAt }) => revokedAt !== undefined).map(({ id }) => id));
  const visible = new Set(shown.map(({ id }) => id));
  const now = epochSeconds(context.clock);
  return links.map((link) => {
    const { parent, deployment, authorizationServer, provider, chain } = link;
    const isBelowRevoked = chain.delegations.some((ancestor) => revoked.has(ancestor));
    return {
      ...pick(link, shownMembers),
      ...(parent !== undefined && visible.has(parent) ? { parent } : {}),
      // Which deployment serves whom is its provider's affair: others see one address.
      ...(deployment !== undefined && (by.kind === 'operator' || by.owner === `provider:${provider}`)
        ? { deployment, ...(authorizationServer === undefined ? {} : { authorizationServer }) }
        : {}),
      state: stateOf(link, isBelowRevoked, now),
    };
  });
}

function pick<T extends object, K extends keyof T>(from: T, members: readonly K[]): Pick<T, K> {
  return Object.fromEntries(
    members.flatMap((member) => (from[member] === undefined ? [] : [[member, from[member]]])),
  ) as Pick<T, K>;
}

function stateOf(
  link: Pick<Delegation, 'revokedAt' | 'expiresAt'>,
  isBelowRevoked: boolean,
  now: number,
): DelegationState {
  if (link.revokedAt !== undefined) return 'revoked';
  if (isBelowRevoked) return 'stopped';
  return link.expiresAt <= now ? 'expired' : 'active';
}
