import { createServer, type IncomingMessage, type Server } from 'node:http';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  type BrokerClient,
  BrokerError,
  createUsageReporter,
  type UsageEvent,
  type UsageOutcome,
  type UsageReporterOptions,
} from '../../src/kit/index.ts';

interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: unknown;
}

const accept = (events: readonly UsageEvent[]): Answer => ({
  status: 200,
  body: { results: events.map(({ id }) => ({ id, status: 'accepted' })) },
});

describe('createUsageReporter', () => {
  let server: Server;
  let broker: string;
  /** What the broker answers, first to last; then it accepts. */
  let script: (((events: readonly UsageEvent[]) => Answer) | 'reset')[];
  let received: {
    at: number;
    authorization: string | undefined;
    type: string | undefined;
    events: UsageEvent[];
  }[];
  let forgotten: string[];
  let tokens: number;

  const context = { tenant: 'acme', txn: 'txn_1', delegationId: 'delegation-1' };
  const usage = (id: string) => ({ context, agent: 'skyways/flights', quantities: { searches: 1 }, id });

  /** Only its tokens matter here; the real one has tests of its own. */
  function client(failure?: BrokerError): BrokerClient {
    return {
      broker,
      clientId: 'skyways-usage',
      exchange: () => Promise.reject(new Error('not used')),
      exchangeForIdJag: () => Promise.reject(new Error('not used')),
      redeem: () => Promise.reject(new Error('not used')),
      clientCredentials: () =>
        failure === undefined
          ? Promise.resolve({
              tokenType: 'Bearer' as const,
              accessToken: `token-${++tokens}`,
              expiresAt: 0,
              scope: ['usage:write'],
            })
          : Promise.reject(failure),
      forget: (token) => void forgotten.push(token),
    };
  }
  const open = (options: Partial<UsageReporterOptions> = {}) =>
    createUsageReporter({
      client: client(),
      provider: 'skyways',
      batchMs: 5,
      backoff: { firstMs: 1, maxMs: 2 },
      ...options,
    });

  beforeEach(async () => {
    script = [];
    received = [];
    forgotten = [];
    tokens = 0;
    server = createServer((req, res) => {
      void readBody(req).then((body) => {
        const events = JSON.parse(body) as UsageEvent[];
        const { authorization, 'content-type': type } = req.headers;
        received.push({ at: performance.now(), authorization, type, events });
        const next = script.shift() ?? accept;
        if (next === 'reset') return res.destroy();
        const { status, headers, body: answer } = next(events);
        return res.writeHead(status, headers).end(answer === undefined ? '' : JSON.stringify(answer));
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    broker = `http://127.0.0.1:${typeof address === 'object' && address !== null ? address.port : 0}`;
  });
  afterEach(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });

  it('sends CloudEvents that name tenant, agent, call and delegation', async () => {
    const reporter = open();
    const outcome = await reporter.report({
      context,
      agent: 'skyways/flights',
      quantities: { searches: 3, tokens: '12.5' },
      dimensions: { model: 'small' },
      callId: 'task-1',
      at: Date.UTC(2026, 5, 1),
    });
    expect(outcome.status).toBe('accepted');
    expect(received).toHaveLength(1);
    expect(received[0]).toMatchObject({
      authorization: 'Bearer token-1',
      type: 'application/cloudevents-batch+json',
    });
    expect(received[0]?.events).toEqual([
      {
        specversion: '1.0',
        id: outcome.id,
        source: `urn:${new URL(broker).host}:provider:skyways`,
        type: 'a2a.broker.usage.reported.v1',
        subject: 'acme/skyways/flights',
        time: '2026-06-01T00:00:00.000Z',
        datacontenttype: 'application/json',
        tenantid: 'acme',
        providerid: 'skyways',
        agentid: 'skyways/flights',
        callid: 'task-1',
        correlationid: 'txn_1',
        delegationid: 'delegation-1',
        data: { quantities: { searches: '3', tokens: '12.5' }, dimensions: { model: 'small' } },
      },
    ]);
  });

  it('batches what comes together, up to the size of a batch', async () => {
    const reporter = open({ batchSize: 3 });
    const outcomes = await Promise.all(['1', '2', '3', '4'].map((id) => reporter.report(usage(id))));
    expect(outcomes.map(({ id }) => id)).toEqual(['1', '2', '3', '4']);
    expect(received.map(({ events }) => events.length)).toEqual([3, 1]);
  });

  it.each([
    ['429', () => ({ status: 429 })],
    ['503', () => ({ status: 503 })],
    ['a reset connection', 'reset' as const],
    ['an answer that says nothing of the events', () => ({ status: 200, body: {} })],
  ])('sends the same events again after %s', async (_, fault) => {
    script = [fault, fault];
    const reporter = open();
    await expect(reporter.report(usage('event-1'))).resolves.toEqual({ id: 'event-1', status: 'accepted' });
    expect(received.map(({ events }) => events)).toEqual([
      received[0]?.events,
      received[0]?.events,
      received[0]?.events,
    ]);
  });

  it('waits as long as the broker asks', async () => {
    script = [() => ({ status: 429, headers: { 'Retry-After': '1' } })];
    await open().report(usage('event-1'));
    expect((received[1]?.at ?? 0) - (received[0]?.at ?? 0)).toBeGreaterThanOrEqual(990);
  });

  it('gets a fresh token when the one that it has is refused', async () => {
    script = [() => ({ status: 401 })];
    await expect(open().report(usage('event-1'))).resolves.toMatchObject({ status: 'accepted' });
    expect(forgotten).toEqual(['token-1']);
  });

  it('gives rejected events back, with the reason, and keeps the others', async () => {
    const lost: [string, UsageOutcome][] = [];
    script = [
      () => ({
        status: 200,
        body: {
          results: [
            { id: 'good', status: 'accepted' },
            { id: 'old', status: 'duplicate' },
            { id: 'bad', status: 'rejected', reason: 'meter_not_yours' },
          ],
        },
      }),
    ];
    const reporter = open({ onLost: (event, outcome) => lost.push([event.id, outcome]) });
    const outcomes = await Promise.all(['good', 'old', 'bad'].map((id) => reporter.report(usage(id))));
    expect(outcomes.map(({ status }) => status)).toEqual(['accepted', 'duplicate', 'rejected']);
    expect(lost).toEqual([['bad', { id: 'bad', status: 'rejected', reason: 'meter_not_yours' }]]);
  });

  it('finds the event that spoils a whole batch', async () => {
    const refuseBad = (events: readonly UsageEvent[]): Answer =>
      events.some(({ id }) => id === 'bad')
        ? { status: 400, body: { code: 'invalid_request', detail: 'no' } }
        : accept(events);
    script = Array.from({ length: 5 }, () => refuseBad);
    const reporter = open({ batchSize: 4 });
    const outcomes = await Promise.all(['1', '2', 'bad', '4'].map((id) => reporter.report(usage(id))));
    expect(outcomes.map(({ status }) => status)).toEqual(['accepted', 'accepted', 'rejected', 'accepted']);
    expect(outcomes[2]?.reason).toBe('invalid_request: no');
  });

  it('does not blame events for a client that is refused', async () => {
    const reporter = open({
      client: client(new BrokerError('invalid_client', 'Client authentication failed.')),
    });
    await expect(reporter.report(usage('event-1'))).resolves.toEqual({
      id: 'event-1',
      status: 'undelivered',
      reason: 'Client authentication failed.',
    });
    expect(received).toHaveLength(0);
  });

  it('takes no more than it may hold, and says so', async () => {
    const lost: string[] = [];
    const reporter = open({ maxQueued: 2, batchMs: 60_000, onLost: ({ id }) => lost.push(id) });
    const kept = [reporter.report(usage('1')), reporter.report(usage('2'))];
    await expect(reporter.report(usage('3'))).resolves.toMatchObject({ status: 'undelivered' });
    expect(lost).toEqual(['3']);
    await reporter.flush();
    expect((await Promise.all(kept)).map(({ status }) => status)).toEqual(['accepted', 'accepted']);
    const next = reporter.report(usage('4'));
    await reporter.flush();
    await expect(next).resolves.toMatchObject({ status: 'accepted' });
  });

  it('delivers what waits when closed, and nothing afterwards', async () => {
    const reporter = open({ batchMs: 60_000 });
    const waiting = reporter.report(usage('1'));
    await expect(reporter.close()).resolves.toEqual([]);
    await expect(waiting).resolves.toMatchObject({ status: 'accepted' });
    await expect(reporter.report(usage('2'))).resolves.toMatchObject({ status: 'undelivered' });
  });

  it('gives back what it could not deliver in time', async () => {
    script = Array.from({ length: 10_000 }, () => () => ({ status: 503 }));
    const reporter = open({ batchSize: 1 });
    const waiting = ['1', '2'].map((id) => reporter.report(usage(id)));
    const undelivered = await reporter.close(50);
    expect(undelivered.map(({ id }) => id)).toEqual(['1', '2']);
    expect((await Promise.all(waiting)).map(({ status }) => status)).toEqual(['undelivered', 'undelivered']);
  });

  it.each([[0.1], [-1], ['1e3'], ['-1'], ['007'], ['1.0000000001'], [Number.NaN], [2 ** 60]])(
    'refuses the quantity %s at once',
    (quantity) => {
      expect(() => open().report({ ...usage('x'), quantities: { searches: quantity } })).toThrow(TypeError);
    },
  );
});

async function readBody(req: IncomingMessage): Promise<string> {
  let body = '';
  for await (const chunk of req) body += String(chunk);
  return body;
}
