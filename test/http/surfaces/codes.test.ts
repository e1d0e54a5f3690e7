import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { problemKinds } from '../../../src/http/problem.ts';
import { StorageError } from '../../../src/storage/port.ts';
import { openLine } from '../../support/a2a.ts';
import { testClock } from '../../support/clock.ts';
import { call } from '../../support/market.ts';
import { delegationOf, reportUsage, usageEvent } from '../../support/usage.ts';
import { type Furnished, furnish } from './furnished.ts';
import { rawRequest } from './raw-request.ts';
import { bps, cases } from './refusal-cases.ts';
import { records } from './refusals.ts';

let world: Furnished;
const clock = testClock(Date.now());
let cards: Server;
/** Gives everything but a card. */
let server: string;

beforeAll(async () => {
  world = await furnish(clock);
  cards = createServer((request, response) => {
    if (request.url === '/gone') response.writeHead(404).end();
    else if (request.url === '/moved') response.writeHead(302, { location: '/card' }).end();
    else if (request.url === '/page') response.end('<html>');
    else if (request.url === '/large') response.end(JSON.stringify({ filler: 'x'.repeat(2 << 20) }));
    else response.destroy();
  });
  await new Promise<void>((resolve) => {
    cards.listen(0, '127.0.0.1', resolve);
  });
  server = `http://127.0.0.1:${(cards.address() as AddressInfo).port}`;
});
afterAll(async () => {
  await world.close();
  cards.closeAllConnections();
  cards.close();
});

/** States that a single request cannot make. */
async function prepare(): Promise<Readonly<Record<string, string>>> {
  const { market } = world;
  await call(market, 'POST', '/v1/providers/skyways/contracts', {
    ...bps,
    commissionBps: 2,
    from: '2099-01',
  });
  await call(market, 'POST', '/v1/tenants', { id: 'linked', name: 'Linked', tier: 'standard' });
  await call(market, 'PUT', '/v1/providers/skyways/tenant-links/linked', { audTenant: 'taken' });
  await call(market, 'POST', '/v1/tenants/linked/links', {
    issuer: 'https://login.skyways.example',
    externalId: 'taken',
  });
  await call(market, 'POST', '/v1/providers', { id: 'idle', name: 'Idle' });
  await call(market, 'POST', '/v1/providers/idle/suspend', { reason: 'test' });
  // This month is closed, so what comes now posts to the next one; from the month after that it is a month that was left open.
  const { token } = await openLine(market, world.tenant);
  const event = usageEvent(market, { tenant: 'acme', delegation: delegationOf(token), meter: 'searches' });
  await reportUsage(market, world.reporter, [event]);
  const start = new Date(clock.now());
  clock.set(Date.UTC(start.getUTCFullYear(), start.getUTCMonth() + 2, 15));
  return { later: `/v1/billing/periods/${new Date(clock.now()).toISOString().slice(0, 7)}/close` };
}

describe('each refusal has its code, and leaves nothing behind', () => {
  let places: Readonly<Record<string, string>>;
  beforeAll(async () => {
    places = await prepare();
  });

  it.each(cases)('%s: %s', async (code, _, method, path, body) => {
    const before = await records(world);
    const sent = body({ agentUrl: world.agent.url, server, keys: world.market.providerClient.jwks });
    const answer = await rawRequest(world.market.url, {
      method,
      path: places[path] ?? path,
      headers: { authorization: `Bearer ${world.market.token}`, 'content-type': 'application/json' },
      ...(sent === undefined ? {} : { body: JSON.stringify(sent) }),
    });
    const { status, title } = problemKinds[code] ?? {};
    expect([answer.type, JSON.parse(answer.text)]).toEqual([
      'application/problem+json',
      expect.objectContaining({ code, status, title, detail: expect.stringMatching(/\.$/) as string }),
    ]);
    expect(answer.status).toBe(status);
    expect(await records(world)).toBe(before);
  });
});

it('no code is left out', () => {
  const elsewhere = [
    // surfaces/documented-answers, bodies and ids-queries-headers: what layers refuse.
    'invalid_request',
    'unauthorized',
    'forbidden',
    'conflict',
    'precondition_failed',
    'payload_too_large',
    'unsupported_media_type',
    'idempotency_key_reused',
    'unavailable',
    // trust/issuer-proof: a proof that does not hold is in the audit log.
    'issuer_unproven',
    // conformance/rfc9449: how a token is presented.
    'invalid_dpop_proof',
    'use_dpop_nonce',
    // policy/policies: it takes many of them.
    'too_many_policies',
    // billing/invariants: books that do not balance cannot be made from outside.
    'tie_out_failed',
  ];
  expect(new Set([...cases.map(([code]) => code), ...elsewhere])).toEqual(new Set(Object.keys(problemKinds)));
});

it('a store that fails says when to come again', async () => {
  world.fail(new StorageError('unavailable', 'no room'));
  const response = await fetch(`${world.market.url}/v1/tenants/acme`, {
    headers: { authorization: `Bearer ${world.market.token}` },
  });
  world.fail(undefined);
  expect([response.status, response.headers.get('retry-after')]).toEqual([503, '1']);
  expect(await response.json()).toMatchObject({ code: 'unavailable' });
});
