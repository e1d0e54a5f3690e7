import { createServer } from 'node:http';
import { newParty, type Party } from '../support/party.ts';

/** Plays a broker that signs whatever a test wants: the real one refuses to. */
export interface ForgingBroker {
  readonly url: string;
  /** Whose keys it publishes; change it to rotate. */
  signer: Party;
  /** Answers 503 to everything while set. */
  isDown: boolean;
  keyFetches: number;
  /** Claims of a good call token, with changes. */
  claims(change?: Readonly<Record<string, unknown>>): Record<string, unknown>;
  token(
    change?: Readonly<Record<string, unknown>>,
    header?: Readonly<Record<string, string>>,
  ): Promise<string>;
  close(): Promise<void>;
}

export const audience = 'https://agents.skyways.example/a2a';

export async function openForgingBroker(): Promise<ForgingBroker> {
  const server = createServer((req, res) => {
    const isKeys = req.url === '/keys';
    if (isKeys) broker.keyFetches++;
    const body = isKeys
      ? broker.signer.jwks
      : { issuer: broker.url, token_endpoint: `${broker.url}/token`, jwks_uri: `${broker.url}/keys` };
    res
      .writeHead(broker.isDown ? 503 : 200, { 'Content-Type': 'application/json' })
      .end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const broker: ForgingBroker = {
    url: `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`,
    signer: await newParty(),
    isDown: false,
    keyFetches: 0,
    claims: (change = {}) => {
      const now = Math.floor(Date.now() / 1000);
      return {
        iss: broker.url,
        aud: audience,
        sub: 'pairwise-user',
        client_id: 'acme-app',
        iat: now,
        exp: now + 300,
        jti: 'jti_1',
        scope: 'a2a:invoke a2a:read',
        tenant: 'acme',
        act: { iss: broker.url, sub: 'acme-app', client_id: 'acme-app' },
        txn: 'txn_1',
        tctx: { v: 1, tier: 'standard' },
        ...change,
      };
    },
    token: (change, header) => broker.signer.sign(broker.claims(change), { typ: 'at+jwt', ...header }),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return broker;
}
