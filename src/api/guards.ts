import type { Context } from 'hono';
import { Fault } from '../kernel/fault.ts';
import { type ManagementScope, type Party, type Principal, partyId, partyKind } from '../kernel/principal.ts';
import type { HttpEnv } from './env.ts';

/** Whoever called, or 401. */
export function requirePrincipal(c: Context<HttpEnv>): Principal {
  const principal = c.get('principal');
  if (principal === undefined) throw new Fault('unauthorized', 'This call needs a bearer token.');
  return principal;
}

export function requireOperator(c: Context<HttpEnv>): Principal {
  const principal = requirePrincipal(c);
  if (principal.kind !== 'operator') throw new Fault('forbidden', 'Only the operator may do this.');
  return principal;
}

/** The operator, or a client of `party` itself with `scope`. Another party's client gets 403 whether or not `party` exists. */
export function requireParty(c: Context<HttpEnv>, party: Party, scope: ManagementScope): Principal {
  const principal = requireScope(c, scope);
  if (principal.kind === 'client' && principal.owner !== party)
    throw new Fault('forbidden', `This token may not act for ${partyKind(party)} ${partyId(party)}.`);
  return principal;
}

/** The operator, or any client with `scope`; what it may see is then narrowed to its owner by the use case. */
export function requireScope(c: Context<HttpEnv>, scope: ManagementScope): Principal {
  const principal = requirePrincipal(c);
  if (principal.kind === 'client' && !principal.scopes.includes(scope))
    throw new Fault('forbidden', `This call needs the scope ${scope}.`);
  return principal;
}
