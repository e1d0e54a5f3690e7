import { createRemoteJWKSet, type JWTPayload, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { answer, scriptedAgent, type ScriptedAgent } from '../support/agent.ts';
import { openLine, say } from '../support/a2a.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { type Market, type MarketTenant, openMarket } from '../support/market.ts';

/**
 * An independent agent that trusts the broker with nothing of ours: it knows the broker's address and its own resource, reads
 * the discovery document, and checks what it is called with by `jose`.
 */
function independentVerifier(broker: string, resource: string) {
  let keys: ReturnType<typeof createRemoteJWKSet> | undefined;
  return async (authorization: string | undefined): Promise<JWTPayload> => {
    if (keys === undefined) {
      const response = await fetch(`${broker}/.well-known/openid-configuration`);
      const { issuer, jwks_uri } = (await response.json()) as { issuer: string; jwks_uri: string };
      if (issuer !== broker) throw new Error('this is another broker');
      keys = createRemoteJWKSet(new URL(jwks_uri));
    }
    const token = /^Bearer (.+)$/.exec(authorization ?? '')?.[1] ?? '';
    const { payload } = await jwtVerify(token, keys, {
      issuer: broker,
      audience: resource,
      typ: 'at+jwt',
      algorithms: ['ES256'],
      requiredClaims: ['sub', 'tenant', 'act', 'txn', 'exp'],
      maxTokenAge: '5 minutes',
    });
    return payload;
  };
}

let agent: ScriptedAgent;
let broker: RunningBroker;
let market: Market;
let acme: MarketTenant;
let verify: ReturnType<typeof independentVerifier>;

beforeAll(async () => {
  agent = await scriptedAgent();
  broker = await runBroker();
  market = await openMarket(broker, agent.url);
  acme = await market.addTenant('acme');
  verify = independentVerifier(broker.url, agent.url);
});
afterAll(async () => {
  await broker.close();
  await agent.close();
});

describe('a provider that has only jose and our discovery document', () => {
  it('checks what the gateway calls it with, and knows for whom', async () => {
    const seen: JWTPayload[] = [];
    agent.on((received) => {
      void verify(received.headers.authorization).then((claims) => {
        seen.push(claims);
        answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } });
      });
    });
    const line = await openLine(market, acme);
    expect((await line.call('SendMessage', say('hi'))).status).toBe(200);
    expect(seen).toEqual([
      expect.objectContaining({
        tenant: 'acme',
        client_id: 'acme-app',
        scope: 'a2a:invoke a2a:read',
        act: { iss: broker.url, sub: 'acme-app', client_id: 'acme-app' },
        tctx: { v: 1, tier: 'standard' },
      }),
    ]);
  });

  it('refuses the token with which its caller came to the gateway: that is not for it', async () => {
    const token = await market.callToken(acme);
    await expect(verify(`Bearer ${token}`)).rejects.toMatchObject({ claim: 'aud' });
  });

  it('refuses the tenant’s own token', async () => {
    await expect(verify(`Bearer ${await acme.idToken()}`)).rejects.toMatchObject({
      code: 'ERR_JWKS_NO_MATCHING_KEY',
    });
  });
});
