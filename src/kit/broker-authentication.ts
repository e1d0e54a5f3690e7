import type { AuthenticationHandler } from '@a2a-js/sdk/client';
import type { BrokerClient, ExchangeRequest, SubjectTokenType } from './broker-client.ts';

export interface BrokerAuthenticationOptions {
  readonly client: BrokerClient;
  /** `provider/agent`: who is called. */
  readonly agent: string;
  /** Asked before every request; equal tokens cost one exchange. */
  readonly subjectToken: () => string | Promise<string>;
  readonly subjectTokenType: SubjectTokenType;
  /** How the company's own issuer names this program. */
  readonly actorToken?: (() => string | Promise<string>) | undefined;
  readonly scope?: readonly string[] | undefined;
}

/**
 * For the official A2A SDK: `createAuthenticatingFetchWithRetry(fetch, brokerAuthentication({…}))` makes the `fetchImpl` of its
 * transports. A 401 is tried once more with a fresh token. Its methods throw `BrokerError`. Throws `TypeError` for a client that binds
 * its tokens to a key: those need `brokerFetch`.
 */
export function brokerAuthentication(options: BrokerAuthenticationOptions): AuthenticationHandler {
  const { client } = options;
  if (client.dpop !== undefined)
    throw new TypeError('A proof is about one request, which this handler does not see: use brokerFetch.');
  const headers = async () => {
    const { accessToken } = await client.exchange(await exchangeFor(options));
    return { Authorization: `Bearer ${accessToken}` };
  };

  return {
    headers,
    // The SDK asks once per request, so a second refusal is the caller's to see.
    shouldRetryWithHeaders: async (request, response) => {
      if (response.status !== 401) return undefined;
      const refused = new Headers(request.headers).get('Authorization')?.replace(/^Bearer /, '');
      if (refused !== undefined) client.forget(refused);
      // The answer that is thrown away would hold its connection.
      await response.body?.cancel();
      return headers();
    },
  };
}

/** Asked anew for each request; equal ones cost one exchange. */
export async function exchangeFor(options: BrokerAuthenticationOptions): Promise<ExchangeRequest> {
  const { agent, subjectTokenType, scope } = options;
  const [subjectToken, actorToken] = await Promise.all([options.subjectToken(), options.actorToken?.()]);
  return { subjectToken, subjectTokenType, actorToken, agent, scope };
}
