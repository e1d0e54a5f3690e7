import { request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createBrokerClient, createUsageQueueHandler } from '../../src/kit/index.ts';
import { type RunningBroker, runBroker } from '../support/broker-in-process.ts';
import { call, type Market, openMarket } from '../support/market.ts';
import { type UsageEventOf, usageOf } from './usage-event.ts';

let broker: RunningBroker;
let market: Market;
let usage: UsageEventOf;
beforeAll(async () => {
  broker = await runBroker();
  market = await openMarket(broker, 'http://127.0.0.1:9/jsonrpc');
  await call(broker, 'POST', '/v1/meters', { key: 'tokens', aggregation: 'sum', unit: 'tokens' });
  usage = await usageOf(market, await market.addTenant('acme'));
});
afterAll(() => broker.close());

/** Tokens in the ledger. */
async function counted(): Promise<number> {
  const path = '/v1/usage?meter=tokens&groupBy=meter';
  const { items } = await call<{ items: readonly { quantity: string }[] }>(broker, 'GET', path);
  return Number(items[0]?.quantity ?? 0);
}

interface Answer {
  readonly status: number | undefined;
  readonly body: { readonly results?: readonly { readonly status: string; readonly reason?: string }[] };
}

/** As an API destination sends it: its fixed headers, and those that its connection adds. */
function invoke(path: string, body: string, headers: Readonly<Record<string, string>>): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = request(`${broker.url}${path}`, {
      method: 'POST',
      headers: {
        'User-Agent': 'Amazon/EventBridge/ApiDestinations',
        'Content-Type': 'application/json; charset=utf-8',
        Range: 'bytes=0-1048575',
        'Accept-Encoding': 'gzip,deflate',
        Connection: 'close',
        'Content-Length': Buffer.byteLength(body),
        ...headers,
      },
    });
    sent.on('error', reject);
    sent.on('response', (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () =>
        resolve({
          status: response.statusCode,
          body: JSON.parse(Buffer.concat(chunks).toString()) as Answer['body'],
        }),
      );
    });
    sent.end(body);
  });
}

describe('usage from an API destination of EventBridge', () => {
  const asCloudEvent = { 'Content-Type': 'application/cloudevents+json' };
  const bearer = async () => ({ Authorization: `Bearer ${await market.providerToken()}` });
  const report = async (event: object, headers: Readonly<Record<string, string>> = asCloudEvent) =>
    invoke('/v1/usage/events', JSON.stringify(event), { ...(await bearer()), ...headers });

  it('is accepted as the CloudEvent that it carries, and counted once however often it is retried', async () => {
    const before = await counted();
    const event = usage('from-eventbridge');
    expect(await report(event)).toEqual({
      status: 200,
      body: { results: [{ id: 'from-eventbridge', status: 'accepted' }] },
    });
    expect((await report(event)).body.results?.[0]?.status).toBe('duplicate');
    expect((await counted()) - before).toBe(3);
  });

  it('needs the content type of a CloudEvent, which the connection must set', async () => {
    expect((await report(usage('x'), {})).status).toBe(415);
  });

  it('is refused for good when it can never be billed, so that EventBridge does not try for a day', async () => {
    const answer = await report(usage('stranger', { tenantid: 'globex' }));
    expect([answer.status, answer.body.results?.[0]?.reason]).toEqual([422, 'delegation_mismatch']);
  });

  it('is refused without a token of the provider', async () => {
    const body = JSON.stringify(usage('x'));
    expect((await invoke('/v1/usage/events', body, asCloudEvent)).status).toBe(401);
    const operator = { ...asCloudEvent, Authorization: `Bearer ${broker.token}` };
    expect((await invoke('/v1/usage/events', body, operator)).status).toBe(403);
  });

  it('cannot get that token by itself: a connection has a secret, and the broker takes keys only', async () => {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: market.providerClientId,
      client_secret: 'of the connection',
    });
    const answer = await invoke('/oauth/token', form.toString(), {
      'Content-Type': 'application/x-www-form-urlencoded',
    });
    expect(answer).toEqual({
      status: 401,
      body: expect.objectContaining({ error: 'invalid_client' }) as unknown,
    });
  });
});

describe('usage from a queue behind EventBridge', () => {
  it('reaches the ledger; what can never be billed stays in the queue', async () => {
    const [key] = market.providerClient.jwks.keys;
    const handler = createUsageQueueHandler({
      client: createBrokerClient({
        broker: broker.url,
        clientId: market.providerClientId,
        privateKey: market.providerClient.privateKey,
        ...(key?.kid === undefined ? {} : { keyId: key.kid }),
      }),
    });
    const message = (messageId: string, detail: object) => ({
      messageId,
      body: JSON.stringify({ version: '0', 'detail-type': 'usage', source: 'skyways', detail }),
    });
    const once = usage('queued-1');
    const batch = {
      Records: [
        message('m1', once),
        message('m2', usage('queued-2', { tenantid: 'globex' })),
        message('m3', once),
      ],
    };
    const before = await counted();
    expect(await handler(batch)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm2' }] });
    expect((await counted()) - before).toBe(3);
    expect(await handler(batch)).toEqual({ batchItemFailures: [{ itemIdentifier: 'm2' }] });
  });
});
