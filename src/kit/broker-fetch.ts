import { authorizationFor } from './authorization.ts';
import { type BrokerAuthenticationOptions, exchangeFor } from './broker-authentication.ts';
import type { BrokerClient, BrokerToken } from './broker-client.ts';
import type { Fetch } from './fetch-json.ts';

export interface BrokerFetchOptions extends BrokerAuthenticationOptions {
  readonly fetch?: Fetch;
}

/**
 * A `fetch` that calls one agent through the gateway, with a token for it; with a client that has a `dpop` key, the token is bound
 * to it, and each request carries its proof (RFC 9449). It is the `fetchImpl` of the official SDK's transports. Requests to any other
 * address pass as they are, without a token. A 401 is tried once more: with the nonce that it brought, or with a fresh token. Throws
 * `BrokerError` when there is no token.
 */
export function brokerFetch(options: BrokerFetchOptions): Fetch {
  const { client, agent } = options;
  const send: Fetch = options.fetch ?? ((input, init) => globalThis.fetch(input, init));
  const home = `${client.broker}/a2a/${agent}/`;

  return async (input, init) => {
    const request = new Request(input, init);
    if (!request.url.startsWith(home)) return send(input, init);
    const token = await client.exchange(await exchangeFor(options));
    const answer = await sendWith(client, send, request.clone(), token);
    if (answer.status !== 401) return answer;
    const again = await tokenForRetry(options, token, answer);
    // The answer that is thrown away would hold its connection.
    await answer.body?.cancel();
    return sendWith(client, send, request, again);
  };
}

/** The nonce that was missing is known by now; for everything else another token may help. */
async function tokenForRetry(
  options: BrokerFetchOptions,
  token: BrokerToken,
  answer: Response,
): Promise<BrokerToken> {
  if (answer.headers.get('WWW-Authenticate')?.includes('use_dpop_nonce') === true) return token;
  options.client.forget(token.accessToken);
  return options.client.exchange(await exchangeFor(options));
}

async function sendWith(
  client: BrokerClient,
  send: Fetch,
  request: Request,
  token: BrokerToken,
): Promise<Response> {
  const headers = new Headers(request.headers);
  for (const [name, value] of Object.entries(await authorizationFor(client, token, request)))
    headers.set(name, value);
  const answer = await send(new Request(request, { headers }));
  client.dpop?.learn(request.url, answer.headers.get('DPoP-Nonce'));
  return answer;
}
