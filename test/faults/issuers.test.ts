import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, expect, it } from 'vitest';
import type { OutboundResponse } from '../../src/outbound/port.ts';
import { createIssuerKeys } from '../../src/trust/issuer-keys.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { testClock } from '../support/clock.ts';
import { call, type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { newParty, type Party } from '../support/party.ts';

let server: Server;
let idp: Party;
let isHanging: boolean;
const clock = testClock(Date.now());
const held: ServerResponse[] = [];
let asked = 0;
let broker: RunningBroker;
let market: Market;
let healthy: MarketTenant;

beforeAll(async () => {
  idp = await newParty();
  server = createServer((_, response) => {
    asked++;
    if (isHanging) held.push(response);
    else response.end(JSON.stringify(idp.jwks));
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  broker = await runBroker({ clock });
  market = await openMarket(broker, 'http://127.0.0.1:9/jsonrpc');
  healthy = await market.addTenant('healthy');
});
beforeEach(() => {
  isHanging = false;
  asked = 0;
  held.length = 0;
});
afterAll(async () => {
  await broker.close();
  server.closeAllConnections();
  server.close();
});

/** A tenant whose issuer publishes its keys at our server. */
async function tenantWithRemoteKeys(id: string): Promise<MarketTenant> {
  const issuer = `https://remote.${id}.example`;
  const tenant = await market.addTenant(id);
  const { port } = server.address() as AddressInfo;
  await call(market, 'POST', `/v1/tenants/${id}/issuers`, {
    issuer,
    jwksUri: `http://127.0.0.1:${port}/${id}`,
  });
  const clientId = `${id}-remote`;
  await call(market, 'POST', '/v1/clients', {
    id: clientId,
    name: 'Consumer',
    owner: `tenant:${id}`,
    jwks: tenant.client.jwks,
    grantTypes: ['urn:ietf:params:oauth:grant-type:token-exchange'],
    issuerClientIds: { [issuer]: 'app' },
  });
  const idToken = () => {
    const now = Math.floor(Date.now() / 1000);
    return idp.sign({ iss: issuer, sub: 'user', aud: 'app', iat: now, exp: now + 300 });
  };
  return { ...tenant, clientId, idToken };
}

it('an issuer whose keys never come holds up its own tenant, for a bounded time', async () => {
  const tenant = await tenantWithRemoteKeys('unlucky');
  asked = 0;
  isHanging = true;
  let isOver = false;
  const waiting = Promise.all(
    Array.from({ length: 30 }, async () => {
      const answer = await market.exchange(tenant);
      return [
        answer.status,
        answer.headers.get('retry-after'),
        ((await answer.json()) as { error: string }).error,
      ];
    }),
  ).finally(() => (isOver = true));
  await expect.poll(() => held.length).toBe(1);
  for (let n = 0; n < 20; n++) expect((await market.exchange(healthy)).status).toBe(200);
  expect(isOver).toBe(false);
  // Five seconds are what a fetch may take in all; thirty tokens cost one.
  const answers = await waiting;
  expect(new Set(answers.map((answer) => answer.join(' ')))).toEqual(
    new Set(['503 5 temporarily_unavailable']),
  );
  expect(asked).toBe(1);
  expect((await market.exchange(healthy)).status).toBe(200);

  // It is not asked again at once, but soon.
  expect((await market.exchange(tenant)).status).toBe(503);
  expect(asked).toBe(1);
  isHanging = false;
  clock.advance(6000);
  expect((await market.exchange(tenant)).status).toBe(200);
}, 30_000);

it('keys that are known are used on, while the issuer hangs on an unknown one', async () => {
  const tenant = await tenantWithRemoteKeys('rotating');
  expect((await market.exchange(tenant)).status).toBe(200);
  clock.advance(6000);
  isHanging = true;
  const stranger = await newParty();
  const now = Math.floor(Date.now() / 1000);
  const unknown = await stranger.sign({
    iss: 'https://remote.rotating.example',
    sub: 'user',
    aud: 'app',
    iat: now,
    exp: now + 300,
  });
  const asking = Array.from({ length: 20 }, () => market.exchange(tenant, unknown));
  await expect.poll(() => held.length).toBe(1);
  for (let n = 0; n < 20; n++) expect((await market.exchange(tenant)).status).toBe(200);
  for (const response of held) response.end(JSON.stringify(idp.jwks));
  for (const answer of await Promise.all(asking)) expect(answer.status).toBe(400);
}, 30_000);

it('keys that are due are waited for once; while that fails they are used on for a day, and fetched beside', async () => {
  const time = testClock();
  const answers: ((response: OutboundResponse) => void)[] = [];
  const keys = createIssuerKeys({
    clock: time,
    outbound: { fetch: () => new Promise((resolve) => void answers.push(resolve)) },
  });
  const document = (party: Party) => ({ status: 200, headers: {}, body: JSON.stringify(party.jwks) });
  const broken = { status: 500, headers: {}, body: '' };
  const find = (party: Party) =>
    keys.find({ jwksUri: 'https://login.example/jwks' }, 'ES256', party.jwks.keys[0]?.kid);
  const first = find(idp);
  answers.pop()?.(document(idp));
  expect(await first).toMatchObject({ ok: true, value: [expect.anything()] });

  time.advance(11 * 60_000);
  const due = find(idp);
  answers.pop()?.(broken);
  expect(await due).toMatchObject({ ok: true, value: [expect.anything()] });

  time.advance(60_000);
  expect(await find(idp)).toMatchObject({ ok: true, value: [expect.anything()] });
  expect(answers).toHaveLength(1);
  const successor = await newParty();
  answers.pop()?.(document(successor));
  await expect.poll(() => find(successor)).toMatchObject({ ok: true, value: [expect.anything()] });

  // What the issuer does not confirm for a day is not trusted any more.
  time.advance(25 * 3_600_000);
  const late = find(successor);
  expect(answers).toHaveLength(1);
  answers.pop()?.(broken);
  expect(await late).toEqual({ ok: false, error: 'keys_unreachable' });
});
