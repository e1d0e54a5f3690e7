import { isJsonObject, type JsonObject } from '../kernel/json.ts';

const thumbprintPattern = /^[A-Za-z0-9_-]{43}$/;

/**
 * To which key a token is bound (RFC 7800 §3.1, RFC 9449 §6.1): `undefined` for none, `unknown` for a `cnf` that says anything
 * but a thumbprint. A method that is not understood is never ignored: the token's issuer demands it.
 */
export function confirmationOf({ cnf }: JsonObject): { readonly jkt: string } | 'unknown' | undefined {
  if (cnf === undefined) return undefined;
  if (!isJsonObject(cnf) || Object.keys(cnf).length !== 1) return 'unknown';
  const { jkt } = cnf;
  return typeof jkt === 'string' && thumbprintPattern.test(jkt) ? { jkt } : 'unknown';
}
