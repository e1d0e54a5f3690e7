import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import type { HttpEnv } from '../api/env.ts';
import { readAuthorization } from '../kernel/authorization.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Possession, Trust } from '../trust/index.ts';

export interface Authenticators {
  isOperatorToken(token: string): boolean;
  /** `possession` when the token was presented under the scheme `DPoP`. Throws `invalid_dpop_proof`, `use_dpop_nonce`. */
  readonly authenticateBearer: (token: string, possession?: Possession) => Promise<Principal | undefined>;
  readonly dpop: Trust['dpop'];
}

/**
 * Finds out who calls the management API. No credentials: the route's guard decides. Bad credentials: 401 here, so that
 * nobody falls back to what an anonymous caller may see.
 */
export function authenticate(brokerUrl: string, authenticators: Authenticators) {
  return createMiddleware<HttpEnv>(async (c, next) => {
    const header = c.req.header('Authorization');
    if (header !== undefined) {
      const credentials = readAuthorization(header);
      const principal =
        credentials?.scheme === 'dpop'
          ? await holderOf(c, credentials.token, authenticators, brokerUrl)
          : credentials && (await bearerOf(credentials.token, authenticators));
      if (principal === undefined) throw new Fault('unauthorized', 'The access token is not valid here.');
      c.set('principal', principal);
    }
    await next();
  });
}

async function bearerOf(token: string, authenticators: Authenticators): Promise<Principal | undefined> {
  if (authenticators.isOperatorToken(token)) return { kind: 'operator' };
  return authenticators.authenticateBearer(token);
}

/** The proof must be about this request at our own address, whatever `Host` says. A nonce for the next one goes with the answer. */
async function holderOf(
  c: Context<HttpEnv>,
  token: string,
  { authenticateBearer, dpop }: Authenticators,
  brokerUrl: string,
): Promise<Principal | undefined> {
  if (dpop.policy.nonceRequired) c.header('DPoP-Nonce', dpop.nonce());
  try {
    return await authenticateBearer(token, {
      proof: c.req.header('DPoP'),
      method: c.req.method,
      uri: brokerUrl + new URL(c.req.url).pathname,
    });
  } catch (error) {
    if (error instanceof Fault && error.code === 'use_dpop_nonce') c.header('DPoP-Nonce', dpop.nonce());
    throw error;
  }
}
