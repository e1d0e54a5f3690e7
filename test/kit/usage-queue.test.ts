import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type BrokerClient, createUsageQueueHandler, type UsageEvent } from '../../src/kit/index.ts';

type Respond = (
  events: readonly UsageEvent[],
) => { readonly status: number; readonly body?: unknown } | 'reset';

describe('createUsageQueueHandler', () => {
  let server: Server;
  let broker: string;
  let respond: Respond;
  let batches: (readonly string[])[];
  let failures: string[];

  beforeEach(async () => {
    batches = [];
    failures = [];
    respond = (events) => ({
      status: 200,
      body: { results: events.map(({ id }) => ({ id, status: 'accepted' })) },
    });
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        const events = JSON.parse(Buffer.concat(chunks).toString()) as readonly UsageEvent[];
        batches.push(events.map(({ id }) => id));
        const answer = respond(events);
        if (answer === 'reset') response.destroy();
        else response.writeHead(answer.status).end(JSON.stringify(answer.body ?? {}));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    broker = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  /** Only its tokens matter here; the real one has tests of its own. */
  const client = (): BrokerClient => ({
    broker,
    clientId: 'skyways-usage',
    exchange: () => Promise.reject(new Error('not used')),
    exchangeForIdJag: () => Promise.reject(new Error('not used')),
    redeem: () => Promise.reject(new Error('not used')),
    clientCredentials: () =>
      Promise.resolve({
        tokenType: 'Bearer' as const,
        accessToken: 'token',
        expiresAt: 0,
        scope: ['usage:write'],
      }),
    forget: () => undefined,
  });
  /** Which messages stay in the queue. */
  async function handle(messages: Readonly<Record<string, unknown>>, timeoutMs?: number) {
    const handler = createUsageQueueHandler({
      client: client(),
      onFailed: (messageId, { status, reason = '' }) =>
        void failures.push(`${messageId} ${status} ${reason}`),
      ...(timeoutMs === undefined ? {} : { timeoutMs }),
    });
    const { batchItemFailures } = await handler({
      Records: Object.entries(messages).map(([messageId, body]) => ({
        messageId,
        body: typeof body === 'string' ? body : JSON.stringify(body),
      })),
    });
    return batchItemFailures.map(({ itemIdentifier }) => itemIdentifier);
  }
  const event = (id: string) => ({ specversion: '1.0', id, data: {} });
  const fromEventBridge = (id: string) => ({
    version: '0',
    id: 'of the envelope',
    'detail-type': 'usage',
    source: 'skyways',
    detail: event(id),
  });

  it('takes CloudEvents, and EventBridge events that carry one', async () => {
    expect(await handle({ m1: event('a'), m2: fromEventBridge('b') })).toEqual([]);
    expect(batches).toEqual([['a', 'b']]);
  });

  it('leaves in the queue what the broker rejects, and nothing else', async () => {
    respond = (events) => ({
      status: 200,
      body: {
        results: events.map(({ id }) =>
          id === 'b'
            ? { id, status: 'rejected', reason: 'unknown_meter' }
            : { id, status: id === 'c' ? 'duplicate' : 'accepted' },
        ),
      },
    });
    expect(await handle({ m1: event('a'), m2: event('b'), m3: event('c') })).toEqual(['m2']);
    expect(failures).toEqual(['m2 rejected unknown_meter']);
  });

  it.each(['not JSON', '[]', '"text"', { id: 'x' }, { ...fromEventBridge('x'), detail: 'text' }])(
    'leaves %j in the queue, and delivers the others',
    async (body) => {
      expect(await handle({ m1: body, m2: event('a') })).toEqual(['m1']);
      expect(batches).toEqual([['a']]);
    },
  );

  it.each([500, 503, 429, 401])(
    'leaves everything in the queue when the broker answers %i',
    async (status) => {
      respond = () => ({ status });
      expect(await handle({ m1: event('a'), m2: event('b') })).toEqual(['m1', 'm2']);
      expect(failures[0]).toBe(`m1 undelivered The broker answered ${status}.`);
    },
  );

  it('leaves everything in the queue when the connection is cut, or no answer comes in time', async () => {
    respond = () => 'reset';
    expect(await handle({ m1: event('a') })).toEqual(['m1']);
    server.removeAllListeners('request');
    expect(await handle({ m1: event('a') }, 50)).toEqual(['m1']);
  });

  it('finds the one message for which a whole batch is refused', async () => {
    respond = (events) =>
      events.some(({ id }) => id === 'c')
        ? { status: 400, body: { code: 'invalid_request' } }
        : { status: 200, body: { results: events.map(({ id }) => ({ id, status: 'accepted' })) } };
    expect(await handle({ m1: event('a'), m2: event('b'), m3: event('c'), m4: event('d') })).toEqual(['m3']);
  });

  it('sends a large batch in parts', async () => {
    const messages = Object.fromEntries(
      Array.from({ length: 450 }, (_, index) => [`m${index}`, event(`e${index}`)]),
    );
    expect(await handle(messages)).toEqual([]);
    expect(batches.map((ids) => ids.length)).toEqual([200, 200, 50]);
  });
});
