import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, importJWK, type JWK, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createActorTokens } from '../../examples/company/actor-token.ts';
import { openState } from '../../examples/company/state.ts';
import { type ExampleProcess, startExample } from './example-process.ts';

interface CompanyReady {
  readonly url: string;
  readonly agentId: string;
  readonly resource: string;
  readonly register: {
    readonly provider: { readonly id: string };
    readonly issuer: { readonly issuer: string; readonly jwksUri: string };
    readonly agent: { readonly id: string; readonly cardUrl: string };
    readonly client: {
      readonly id: string;
      readonly agent: string;
      readonly jwks: { readonly keys: readonly JWK[] };
    };
    readonly meters: readonly { readonly key: string }[];
  };
}

const broker = 'http://127.0.0.1:9';

describe.each([
  ['concierge/planner', 'itineraries'],
  ['skyways/flights', 'searches'],
  ['northpay/payments', 'payments'],
])('the example %s', (agentId, meter) => {
  let directory: string;
  let company: ExampleProcess<CompanyReady>;
  const start = () =>
    startExample<CompanyReady>(`${agentId}.ts`, ['--broker', broker, '--state', directory, '--port', '0']);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'example-'));
    company = await start();
  });
  afterAll(async () => {
    await company.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('says what the broker must be told about it', () => {
    const [provider, agent] = agentId.split('/');
    expect(company.ready).toMatchObject({
      agentId,
      resource: `${company.ready.url}/a2a`,
      register: {
        provider: { id: provider },
        agent: { id: agent },
        client: {
          id: `${provider}-${agent}`,
          owner: `provider:${provider}`,
          agent: agentId,
          issuerClientIds: { [company.ready.register.issuer.issuer]: agent },
        },
        meters: [{ key: meter, authority: 'provider' }],
      },
    });
    expect(company.ready.register.client.jwks.keys[0]).not.toHaveProperty('d');
  });

  it('has an issuer of its own', async () => {
    const { issuer, jwksUri } = company.ready.register.issuer;
    const metadata = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json();
    expect(metadata).toMatchObject({ issuer, jwks_uri: jwksUri });
    const jwks = (await (await fetch(jwksUri)).json()) as { keys: JWK[] };
    expect(jwks.keys).toMatchObject([{ kty: 'EC', crv: 'P-256', alg: 'ES256' }]);
    expect(jwks.keys[0]).not.toHaveProperty('d');
  });

  it('serves an A2A 1.0 card whose interface is its resource', async () => {
    const card = await (await fetch(company.ready.register.agent.cardUrl)).json();
    expect(card).toMatchObject({
      supportedInterfaces: [
        { url: company.ready.resource, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      ],
    });
  });

  it('refuses calls without a tenant context', async () => {
    const send = (headers: Record<string, string>) =>
      fetch(company.ready.resource, {
        method: 'POST',
        headers: { 'Content-Type': 'application/json', 'A2A-Version': '1.0', ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 'x' } }),
      });
    const missing = await send({});
    expect([missing.status, missing.headers.get('WWW-Authenticate')]).toEqual([401, 'Bearer']);
    const nonsense = await send({ Authorization: 'Bearer hello' });
    expect(nonsense.status).toBe(401);
    expect(nonsense.headers.get('WWW-Authenticate')).toContain('invalid_token');
  });

  it('names its agent to the broker with a token of its own issuer, and to nobody else', async () => {
    const { issuer, jwksUri } = company.ready.register.issuer;
    const key = await (await openState(directory)).key('agent');
    const clientId = company.ready.register.agent.id;
    const actorTokens = (audience: string, privateKey: JWK) =>
      importJWK(privateKey, 'ES256').then((imported) =>
        createActorTokens({
          issuer,
          clientId,
          broker: audience,
          key: imported as Parameters<typeof createActorTokens>[0]['key'],
          keyId: privateKey.kid ?? '',
        })(),
      );
    const token = await actorTokens(broker, key);
    const { payload, protectedHeader } = await jwtVerify(token, createRemoteJWKSet(new URL(jwksUri)));
    expect(protectedHeader).toMatchObject({ alg: 'ES256', typ: 'at+jwt' });
    expect(payload).toMatchObject({ iss: issuer, aud: broker, sub: clientId, client_id: clientId });
    await expect(actorTokens('https://other.example', key)).rejects.toMatchObject({
      error: 'invalid_target',
    });
    const stranger = {
      ...(await (await openState(join(directory, 'stranger'))).key('agent')),
      kid: key.kid ?? '',
    };
    await expect(actorTokens(broker, stranger)).rejects.toMatchObject({ error: 'invalid_client' });
  });

  it('ends on SIGTERM, and is the same company when it starts again', async () => {
    const before = company.ready;
    expect(await company.stop()).toBe(0);
    company = await start();
    expect(company.ready).toEqual(before);
  });
});
