import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../api/env.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';

export interface Authenticators {
  isOperatorToken(token: string): boolean;
  authenticateBearer(token: string): Promise<Principal | undefined>;
}

/**
 * Finds out who calls the management API. No credentials: the route's guard decides. Bad credentials: 401 here, so that
 * nobody falls back to what an anonymous caller may see.
 */
export function authenticate(authenticators: Authenticators) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    const header = c.req.header('Authorization');
    if (header !== undefined) {
      const token = /^Bearer ([A-Za-z0-9._~+/=-]{1,16384})$/i.exec(header)?.[1];
      const principal = token === undefined ? undefined : await principalOf(token, authenticators);
      if (principal === undefined) throw new Fault('unauthorized', 'The bearer token is not valid here.');
      c.set('principal', principal);
    }
    await next();
  });
}

async function principalOf(token: string, authenticators: Authenticators): Promise<Principal | undefined> {
  if (authenticators.isOperatorToken(token)) return { kind: 'operator' };
  return authenticators.authenticateBearer(token);
}
