import type { BrokerToken } from './broker-client.ts';
import type { DpopKey } from './dpop.ts';

/** The headers that present a token in one request: with its proof, when it is bound to a key. */
export async function authorizationFor(
  { dpop }: { readonly dpop?: DpopKey | undefined },
  { accessToken, tokenType }: BrokerToken,
  { method, url }: { readonly method: string; readonly url: string },
): Promise<Readonly<Record<string, string>>> {
  const Authorization = `${tokenType} ${accessToken}`;
  if (tokenType === 'Bearer' || dpop === undefined) return { Authorization };
  return { Authorization, DPoP: await dpop.proof({ method, url, accessToken }) };
}
