import { Pool } from 'undici';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { callUpstream, type UpstreamStream, type UpstreamTimes } from '../../src/broker/upstream.ts';
import { http, httpChunk, rawAgent, type RawAgent, type RawCall, sseHead } from '../support/raw-agent.ts';

let agent: RawAgent;
let pool: Pool;
let received: RawCall[];

beforeEach(async () => {
  agent = await rawAgent();
  pool = new Pool(new URL(agent.url).origin, { connections: 1, pipelining: 1 });
  received = [];
  agent.on((call) => void received.push(call));
});
afterEach(async () => {
  await pool.destroy();
  await agent.close();
});

const patient: UpstreamTimes = { queue: 5000, whole: 5000, silence: 5000 };

function send(times: Partial<UpstreamTimes>, streaming = false) {
  const body = Buffer.from('{"jsonrpc":"2.0","id":1}');
  return callUpstream(
    pool,
    { url: new URL(agent.url), headers: {}, body, streaming },
    { ...patient, ...times },
  );
}

async function openStream(
  times: Partial<UpstreamTimes>,
): Promise<{ stream: UpstreamStream; ended: Promise<unknown> }> {
  agent.on((call) => {
    received.push(call);
    call.socket.write(sseHead + httpChunk(': hello\n\n'));
  });
  const stream = await send(times, true);
  if (stream.kind !== 'stream') throw new Error('a stream was expected');
  const ended = new Promise((resolve) => {
    stream.start({ data: () => undefined, end: resolve });
  });
  return { stream, ended };
}

describe('an agent that takes its time', () => {
  it('is not sent what waited too long for a connection', async () => {
    const first = send({});
    await expect.poll(() => received.length).toBe(1);
    await expect(send({ queue: 50 })).rejects.toMatchObject({ reason: 'AGENT_UNAVAILABLE' });
    const third = send({});
    received[0]?.socket.write(http('first'));
    expect((await first).status).toBe(200);
    await expect.poll(() => received.length).toBe(2);
    received[1]?.socket.write(http('third'));
    expect(await third).toMatchObject({ body: Buffer.from('third') });
  });

  it('and says nothing is left after a while, and the connection is free again', async () => {
    await expect(send({ whole: 50 })).rejects.toMatchObject({ reason: 'UPSTREAM_TIMEOUT' });
    const next = send({});
    await expect.poll(() => received.length).toBe(2);
    received[1]?.socket.write(http('next'));
    expect(await next).toMatchObject({ body: Buffer.from('next') });
  });

  it('and trickles its answer is left after the same while', async () => {
    const closed = new Promise<void>((resolve) => {
      agent.on(({ socket }) => {
        socket.write(http('', { length: 1_000_000 }));
        const timer = setInterval(() => socket.write('x'), 10);
        socket.on('close', () => {
          clearInterval(timer);
          resolve();
        });
      });
    });
    await expect(send({ whole: 200 })).rejects.toMatchObject({ reason: 'UPSTREAM_TIMEOUT' });
    await closed;
  });

  it('may stream for longer than any of these', async () => {
    const { ended } = await openStream({ queue: 50, whole: 50 });
    const { socket } = received[0] ?? {};
    setTimeout(() => socket?.end(`${httpChunk(': bye\n\n')}0\r\n\r\n`), 300);
    expect(await ended).toBeUndefined();
  });

  it('but not in silence for ever', async () => {
    const { ended } = await openStream({ silence: 1000 });
    expect(await ended).toMatchObject({ name: 'BodyTimeoutError' });
  });
});
