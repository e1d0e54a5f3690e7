import { clientAlgorithms } from './signature.ts';

/** `WWW-Authenticate` for the scheme `DPoP` (RFC 9449 §7.1); `parameters` are whole, such as `error="invalid_token"`. */
export function dpopChallenge(...parameters: readonly string[]): string {
  return `DPoP ${[...parameters, `algs="${clientAlgorithms.join(' ')}"`].join(', ')}`;
}
