import type { JsonObject } from '../kernel/json.ts';
import { refusedToken } from './verify-issuer-token.ts';

/** How the user was authenticated, as the issuer says. */
export interface AuthenticationContext {
  readonly acr?: string;
  readonly amr?: readonly string[];
}

const maxMethods = 16;

/**
 * `acr` and `amr` (OpenID Connect Core §2, RFC 8176). They are carried along the chain, where policies rest on them: so what is no such
 * claim is refused, never left out. Throws `invalid_request`.
 */
export function readAuthentication({ acr, amr }: JsonObject): AuthenticationContext {
  if (acr !== undefined && !isWord(acr, 255)) throw refusedToken('token_malformed');
  if (amr === undefined) return acr === undefined ? {} : { acr };
  if (!Array.isArray(amr) || amr.length > maxMethods) throw refusedToken('token_malformed');
  const methods: readonly unknown[] = amr;
  const words = methods.filter((method) => isWord(method, 64));
  if (words.length !== methods.length) throw refusedToken('token_malformed');
  return acr === undefined ? { amr: words } : { acr, amr: words };
}

function isWord(value: unknown, maxLength: number): value is string {
  return typeof value === 'string' && value !== '' && value.length <= maxLength;
}
