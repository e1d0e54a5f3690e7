import type { AuthenticationHandler } from '@a2a-js/sdk/client';
import type { BrokerClient, SubjectTokenType } from './broker-client.ts';

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
 * transports. A 401 is tried once more with a fresh token. Its methods throw `BrokerError`.
 */
export function brokerAuthentication(options: BrokerAuthenticationOptions): AuthenticationHandler {
  const { client, agent, subjectTokenType, scope } = options;

  async function exchange() {
    const [subjectToken, actorToken] = await Promise.all([options.subjectToken(), options.actorToken?.()]);
    return client.exchange({ subjectToken, subjectTokenType, actorToken, agent, scope });
  }
  const headers = async () => ({ Authorization: `Bearer ${(await exchange()).accessToken}` });

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
