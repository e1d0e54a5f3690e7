import { createServer, type Server } from 'node:http';
import { createAuthenticatingFetchWithRetry } from '@a2a-js/sdk/client';
import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { brokerAuthentication, createBrokerClient } from '../../src/kit/index.ts';
import { type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { openTrustRoom, type TrustRoom } from './trust-room.ts';

describe('brokerAuthentication with the fetch of the official SDK', () => {
  let room: TrustRoom;
  let market: Market;
  let acme: MarketTenant;
  let agent: Server;
  let url: string;
  /** The tokens that the agent got, in order. */
  const seen: string[] = [];
  let refuse = (_token: string): boolean => false;

  const authenticatedFetch = async (user: string) => {
    const idToken = await acme.idToken(user);
    return createAuthenticatingFetchWithRetry(
      fetch,
      brokerAuthentication({
        client: createBrokerClient({
          broker: room.url,
          clientId: acme.clientId,
          privateKey: acme.client.privateKey,
        }),
        agent: market.agent,
        subjectToken: () => idToken,
        subjectTokenType: 'id_token',
      }),
    );
  };

  beforeAll(async () => {
    room = await openTrustRoom();
    market = await openMarket(room, 'http://127.0.0.1:9/a2a');
    acme = await market.addTenant('acme');
    agent = createServer((req, res) => {
      const token = req.headers.authorization?.replace('Bearer ', '') ?? '';
      seen.push(token);
      res.writeHead(refuse(token) ? 401 : 200).end();
    });
    await new Promise<void>((resolve) => agent.listen(0, '127.0.0.1', resolve));
    const address = agent.address();
    url = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  });
  afterAll(async () => {
    agent.closeAllConnections();
    await new Promise((resolve) => agent.close(resolve));
    await room.close();
  });

  it('sends a token for that agent, the same while it is good', async () => {
    refuse = () => false;
    seen.length = 0;
    const send = await authenticatedFetch('one');
    expect((await send(url)).status).toBe(200);
    expect((await send(url)).status).toBe(200);
    expect(seen).toHaveLength(2);
    expect(seen[0]).toBe(seen[1]);
    expect(decodeJwt(seen[0] ?? '').aud).toBe(`${room.url}/a2a/${market.agent}`);
  });

  it('tries once more with a fresh token after 401, and keeps that one', async () => {
    seen.length = 0;
    let stale: string | undefined;
    refuse = (token) => token === (stale ??= token);
    const send = await authenticatedFetch('two');
    expect((await send(url)).status).toBe(200);
    expect((await send(url)).status).toBe(200);
    expect(seen).toHaveLength(3);
    expect(new Set(seen).size).toBe(2);
    expect(seen[1]).toBe(seen[2]);
  });

  it('does not try for ever', async () => {
    seen.length = 0;
    refuse = () => true;
    const send = await authenticatedFetch('three');
    expect((await send(url)).status).toBe(401);
    expect(seen).toHaveLength(2);
  });

  it('fails with the broker’s reason when there is no token to be had', async () => {
    const send = createAuthenticatingFetchWithRetry(
      fetch,
      brokerAuthentication({
        client: createBrokerClient({
          broker: room.url,
          clientId: acme.clientId,
          privateKey: acme.client.privateKey,
        }),
        agent: 'skyways/trains',
        subjectToken: () => acme.idToken(),
        subjectTokenType: 'id_token',
      }),
    );
    await expect(send(url)).rejects.toMatchObject({ name: 'BrokerError', code: 'invalid_target' });
  });
});
