import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { eventsOf, type Line, openLine, type RpcAnswer, say } from '../support/a2a.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { call, type Market, openMarket } from '../support/market.ts';
import {
  http,
  httpChunk,
  rawAgent,
  type RawAgent,
  type RawCall,
  rpcResult,
  sseHead,
} from '../support/raw-agent.ts';

let agent: RawAgent;
let broker: RunningBroker;
let market: Market;
let line: Line;

beforeAll(async () => {
  agent = await rawAgent();
  broker = await runBroker();
  market = await openMarket(broker, agent.url);
});
afterAll(async () => {
  await broker.close();
  await agent.close();
});

let tenants = 0;
beforeEach(async () => {
  line = await openLine(market, await market.addTenant(`tenant-${++tenants}`));
});

const message = { message: { messageId: 'm', role: 'ROLE_AGENT', parts: [] } };
const behave = () => agent.on(({ id, socket }) => socket.write(http(rpcResult(id, message))));

/** What the tenant was charged for: meter to quantity. */
async function metered(): Promise<Record<string, string>> {
  const { items } = await call<{ items: { meter: string; quantity: string }[] }>(
    market,
    'GET',
    `/v1/tenants/${line.tenant.id}/usage?from=${new Date(Date.now() - 86_400_000).toISOString()}`,
  );
  return Object.fromEntries(items.map(({ meter, quantity }) => [meter, quantity]));
}

/** After whatever an agent did, the next call is as good as ever. */
async function expectHealth(): Promise<void> {
  behave();
  const again = await line.call('SendMessage', say('again'), { id: 'next' });
  expect(again.body).toEqual({ jsonrpc: '2.0', id: 'next', result: message });
}

const half = (id: unknown) => rpcResult(id, message).slice(0, 30);
const deep = '['.repeat(1_000_000);

describe('an agent that answers a call and', () => {
  it.each<[string, (call: RawCall) => void, string]>([
    ['resets the connection', ({ socket }) => socket.resetAndDestroy(), 'UPSTREAM_UNREACHABLE'],
    ['closes it without a word', ({ socket }) => socket.end(), 'UPSTREAM_UNREACHABLE'],
    [
      'resets it in the middle of the headers',
      ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nContent-Ty', () => socket.resetAndDestroy()),
      'UPSTREAM_UNREACHABLE',
    ],
    [
      'closes it in the middle of the body',
      ({ id, socket }) => socket.end(http(half(id), { length: 500 })),
      'UPSTREAM_UNREACHABLE',
    ],
    [
      'resets it in the middle of the body',
      ({ id, socket }) => socket.write(http(half(id), { length: 500 }), () => socket.resetAndDestroy()),
      'UPSTREAM_UNREACHABLE',
    ],
    [
      'says a shorter length than it sends',
      ({ id, socket }) => socket.write(http(rpcResult(id, message), { length: 20 })),
      'INVALID_AGENT_RESPONSE',
    ],
    ['does not speak HTTP', ({ socket }) => socket.end('220 smtp.example ESMTP\r\n'), 'UPSTREAM_UNREACHABLE'],
    [
      'sends headers without end',
      ({ socket }) => socket.write(`HTTP/1.1 200 OK\r\n${'X-Filler: filler\r\n'.repeat(10_000)}`),
      'UPSTREAM_UNREACHABLE',
    ],
    [
      'sends a page',
      ({ socket }) => socket.write(http('<html>', { type: 'text/html' })),
      'INVALID_AGENT_RESPONSE',
    ],
    [
      'sends a page as an error',
      ({ socket }) => socket.write(http('<html>', { status: '500 Oops', type: 'text/html' })),
      'INVALID_AGENT_RESPONSE',
    ],
    [
      'sends nothing',
      ({ socket }) => socket.write('HTTP/1.1 204 No Content\r\n\r\n'),
      'INVALID_AGENT_RESPONSE',
    ],
    [
      'compresses what was not asked to be compressed',
      ({ socket }) =>
        socket.write(`HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: 3\r\n\r\n\x1f\x8b\x08`),
      'INVALID_AGENT_RESPONSE',
    ],
    ['nests without end', ({ socket }) => socket.write(http(deep)), 'INVALID_AGENT_RESPONSE'],
    [
      'answers with a stream where none was asked for',
      ({ id, socket }) => {
        socket.write(`${sseHead}${httpChunk(`data: ${rpcResult(id, message)}\n\n`)}0\r\n\r\n`);
      },
      'INVALID_AGENT_RESPONSE',
    ],
    [
      'breaks chunked coding',
      ({ socket }) => socket.write('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n'),
      'UPSTREAM_UNREACHABLE',
    ],
  ])('%s', async (_, misbehave, reason) => {
    agent.on(misbehave);
    const answer = await line.call('SendMessage', say('hi'), { id: 7 });
    expect([answer.status, answer.reason, answer.body.id]).toEqual([502, reason, 7]);
    expect(await metered()).toEqual({});
    await expectHealth();
  });

  it('puts a second answer behind the first: nobody gets it', async () => {
    const stolen = rpcResult(8, { message: { messageId: 'stolen' } });
    const first = rpcResult(7, message);
    agent.on(({ socket }) => socket.write(http(first) + http(stolen)));
    expect((await line.call('SendMessage', say('hi'), { id: 7 })).text).toBe(first);
    const seen: unknown[] = [];
    agent.on(({ id, socket }) => {
      seen.push(id);
      socket.write(http(rpcResult(id, message)));
    });
    const answer = await line.call('SendMessage', say('hi'), { id: 8 });
    expect(answer.body).toEqual({ jsonrpc: '2.0', id: 8, result: message });
    expect(seen).toEqual([8]);
  });

  it.each(['with its length', 'without a length'])('sends 100 MB %s: is cut off', async (kind) => {
    let sent = 0;
    agent.on(({ socket }) => {
      const megabyte = 'x'.repeat(1 << 20);
      const chunked = kind === 'without a length';
      socket.write(
        `HTTP/1.1 200 OK\r\n${chunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${100 << 20}`}\r\n\r\n`,
      );
      const pump = () => {
        while (!socket.destroyed && sent < 100) {
          sent++;
          if (!socket.write(chunked ? httpChunk(megabyte) : megabyte)) {
            socket.once('drain', pump);
            return;
          }
        }
      };
      pump();
    });
    const answer: RpcAnswer = await line.call('SendMessage', say('hi'));
    expect([answer.status, answer.reason]).toEqual([502, 'INVALID_AGENT_RESPONSE']);
    expect(sent).toBeLessThan(60);
    expect(await metered()).toEqual({});
    await expectHealth();
  });
});

/** All frames of a stream, as `event data` or `data`. */
async function framesOf(response: Response): Promise<readonly string[]> {
  const frames: string[] = [];
  for await (const { event, data } of eventsOf(response))
    frames.push(event === undefined ? data : `${event} ${data}`);
  return frames;
}

describe('an agent that begins a stream and', () => {
  const frame = (id: unknown) => `data: ${rpcResult(id, message)}\n\n`;

  it.each<[string, (call: RawCall) => void, string | undefined]>([
    [
      'ends it with half an event',
      ({ id, socket }) =>
        socket.write(`${sseHead}${httpChunk(frame(id))}${httpChunk(frame(id).slice(0, 40))}0\r\n\r\n`),
      undefined,
    ],
    [
      'closes the connection in the middle of an event',
      ({ id, socket }) => socket.end(sseHead + httpChunk(frame(id)) + httpChunk(frame(id).slice(0, 40))),
      'UPSTREAM_UNREACHABLE',
    ],
    [
      'resets it',
      ({ id, socket }) =>
        socket.write(sseHead + httpChunk(frame(id)), () => setTimeout(() => socket.resetAndDestroy(), 50)),
      'UPSTREAM_UNREACHABLE',
    ],
    [
      'sends what is not JSON',
      ({ id, socket }) => socket.write(sseHead + httpChunk(frame(id)) + httpChunk('data: <html>\n\n')),
      'INVALID_AGENT_RESPONSE',
    ],
    [
      'sends an event without end',
      ({ id, socket }) => {
        socket.write(sseHead + httpChunk(frame(id)));
        for (let n = 0; n < 5; n++) socket.write(httpChunk(`data: ${'x'.repeat(1 << 20)}\n`));
      },
      'INVALID_AGENT_RESPONSE',
    ],
  ])('%s', async (_, misbehave, reason) => {
    agent.on(misbehave);
    const [first, ...rest] = await framesOf(await line.open('SendStreamingMessage', say('hi')));
    expect(JSON.parse(first ?? '')).toEqual({ jsonrpc: '2.0', id: 1, result: message });
    expect(rest).toHaveLength(reason === undefined ? 0 : 1);
    expect(rest[0] ?? '').toMatch(reason === undefined ? /^$/ : new RegExp(`^error .*"reason":"${reason}"`));
    // One call, one event: what was seen is counted, what was not is not.
    await expect.poll(metered).toMatchObject({ calls: '1', stream_events: '1' });
    await expectHealth();
  });

  it('never stops: costs what it sends while somebody listens, and is left when nobody does', async () => {
    let sent = 0;
    const closed = new Promise<void>((resolve) => {
      agent.on(({ id, socket }) => {
        socket.on('close', () => resolve());
        socket.write(sseHead);
        const pump = () => {
          if (socket.destroyed) return;
          sent++;
          socket.write(httpChunk(frame(id)), () => setImmediate(pump));
        };
        pump();
      });
    });
    const leaving = new AbortController();
    const events = eventsOf(await line.open('SendStreamingMessage', say('hi'), leaving.signal));
    for (let n = 0; n < 100; n++) expect((await events.next()).done).toBe(false);
    leaving.abort();
    await closed;
    expect(sent).toBeGreaterThanOrEqual(100);
    await expect.poll(async () => (await metered())['calls']).toBe('1');
    await expectHealth();
  });
});

describe('an agent that hangs', () => {
  it('holds up its own callers alone, and serves all of them when it comes to life', async () => {
    const stuck = await rawAgent();
    const waiting = new Set<RawCall>();
    stuck.on((received) => void waiting.add(received));
    const tenant = await market.addTenant('hanging');
    await call(market, 'POST', '/v1/agents/skyways/flights/deployments', {
      id: 'stuck',
      model: 'siloed',
      tenant: tenant.id,
      url: stuck.url,
    });
    const hanging = await openLine(market, tenant);
    const ids = Array.from({ length: 200 }, (_, id) => id);
    const answers = ids.map((id) => hanging.call('SendMessage', say('hi'), { id }));
    await expect.poll(() => waiting.size, { timeout: 10_000 }).toBeGreaterThanOrEqual(100);
    behave();
    for (let n = 0; n < 20; n++)
      expect((await line.call('SendMessage', say('hi'))).body.result).toEqual(message);
    stuck.on(({ id, socket }) => socket.write(http(rpcResult(id, message))));
    for (const { id, socket } of waiting) socket.write(http(rpcResult(id, message)));
    expect((await Promise.all(answers)).map(({ body }) => [body.id, body.result])).toEqual(
      ids.map((id) => [id, message]),
    );
    await stuck.close();
  });

  it('answers after its caller has gone: the task is the tenant’s all the same, and is counted once', async () => {
    let received: RawCall | undefined;
    agent.on((one) => void (received = one));
    const leaving = new AbortController();
    const opening = line.open('SendMessage', say('hi'), leaving.signal).catch(() => 'gone');
    await expect.poll(() => received).toBeDefined();
    leaving.abort();
    expect(await opening).toBe('gone');
    received?.socket.write(
      http(rpcResult(received.id, { task: { id: 'late', contextId: 'c', status: {} } })),
    );
    await expect.poll(metered).toMatchObject({ calls: '1' });
    agent.on(({ id, socket }) => socket.write(http(rpcResult(id, { id: 'late', status: {} }))));
    expect((await line.call('GetTask', { id: 'late' })).body.result).toMatchObject({ id: 'late' });
    const stranger = await openLine(market, await market.addTenant('stranger'));
    expect((await stranger.call('GetTask', { id: 'late' })).reason).toBe('TASK_NOT_FOUND');
  });
});
