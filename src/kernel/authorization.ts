/** How a caller presents a token: `Bearer` (RFC 6750 §2.1) or `DPoP` (RFC 9449 §7.1). */
export interface Credentials {
  readonly scheme: 'bearer' | 'dpop';
  readonly token: string;
}

/** Of an `Authorization` header; `undefined` for any other scheme, and for what is no token or too long for one of ours. */
export function readAuthorization(header: string): Credentials | undefined {
  const [, scheme = '', token = ''] = /^(Bearer|DPoP) ([A-Za-z0-9._~+/=-]{1,16384})$/i.exec(header) ?? [];
  return token === '' ? undefined : { scheme: scheme.toLowerCase() === 'dpop' ? 'dpop' : 'bearer', token };
}
