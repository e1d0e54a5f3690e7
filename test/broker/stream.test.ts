import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { eventsOf, type Line, openLine, say } from '../support/a2a.ts';
import {
  type AgentCall,
  answer,
  openStream,
  scriptedAgent,
  type ScriptedAgent,
  sendEvent,
  task,
} from '../support/agent.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { type Market, openMarket } from '../support/market.ts';

let agent: ScriptedAgent;
let broker: RunningBroker;
let market: Market;
let line: Line;

beforeAll(async () => {
  agent = await scriptedAgent();
  broker = await runBroker();
  market = await openMarket(broker, agent.url);
  line = await openLine(market, await market.addTenant('acme'));
});
afterAll(async () => {
  await broker.close();
  await agent.close();
});

const update = (taskId: string, state: string) => ({
  statusUpdate: { taskId, contextId: `ctx-${taskId}`, status: { state } },
});

/** The agent's side of the next call, once it arrives. */
function nextCall(): Promise<AgentCall> {
  return new Promise((resolve) => {
    agent.on(resolve);
  });
}

describe('a relayed stream', () => {
  it('passes each event on before the next one exists', async () => {
    const arriving = nextCall();
    const opening = line.open('SendStreamingMessage', say('go'));
    const received = await arriving;
    openStream(received);
    const response = await opening;
    expect(response.headers.get('content-type')).toBe('text/event-stream');
    expect(response.headers.get('cache-control')).toBe('no-store');
    const events = eventsOf(response);
    for (const state of ['TASK_STATE_SUBMITTED', 'TASK_STATE_WORKING', 'TASK_STATE_COMPLETED']) {
      sendEvent(received, update('s-1', state));
      const { value } = await events.next();
      expect(value?.data).toContain(state);
    }
    received.response.end();
    expect((await events.next()).done).toBe(true);
  });

  it('is the agent’s own text: comments, retry and unknown fields included', async () => {
    const raw =
      ': hello\n\nid: 7\nretry: 10\ndata: {"jsonrpc":"2.0","id":1,"result":{"message":{"messageId":"m","n":1.0}}}\n\n';
    agent.on((received) => {
      openStream(received);
      received.response.end(raw);
    });
    expect(await (await line.open('SendStreamingMessage', say('go'))).text()).toBe(raw);
  });

  it('stops being read when the caller leaves, and the task is not cancelled', async () => {
    const arriving = nextCall();
    const leaving = new AbortController();
    const opening = line.open('SendStreamingMessage', say('go'), leaving.signal);
    const received = await arriving;
    const closed = new Promise((resolve) => {
      received.response.on('close', resolve);
    });
    openStream(received);
    sendEvent(received, { task: task('s-2') });
    const events = eventsOf(await opening);
    await events.next();
    const before = agent.calls.length;
    leaving.abort();
    await closed;
    expect(agent.calls.length).toBe(before);
    agent.on((again) => answer(again, task('s-2')));
    expect((await line.call('GetTask', { id: 's-2' })).body.result).toMatchObject({ id: 's-2' });
  });

  it('that starts a task and is left at once still leaves the task to its tenant', async () => {
    const arriving = nextCall();
    const leaving = new AbortController();
    const opening = line.open('SendStreamingMessage', say('go'), leaving.signal).catch(() => undefined);
    const received = await arriving;
    openStream(received);
    await opening;
    leaving.abort();
    sendEvent(received, { task: task('s-3') });
    await new Promise((resolve) => {
      received.response.on('close', resolve);
    });
    agent.on((again) => answer(again, task('s-3')));
    expect((await line.call('GetTask', { id: 's-3' })).body.result).toMatchObject({ id: 's-3' });
  });

  it('does not run ahead of a caller that reads slowly', async () => {
    const arriving = nextCall();
    const opening = line.open('SendStreamingMessage', say('go'));
    const received = await arriving;
    openStream(received);
    const padding = 'x'.repeat(100_000);
    sendEvent(received, { task: task('s-4') });
    let written = 0;
    const stuck = new Promise<void>((resolve) => {
      const pump = () => {
        while (written < 2000) {
          written++;
          const event = { message: { messageId: `m-${written}`, taskId: 's-4', parts: [{ text: padding }] } };
          const frame = `data: ${JSON.stringify({ jsonrpc: '2.0', id: received.rpc.id, result: event })}\n\n`;
          if (!received.response.write(frame)) break;
        }
        if (written >= 2000) received.response.end();
        else {
          const timer = setTimeout(resolve, 1000);
          received.response.once('drain', () => {
            clearTimeout(timer);
            pump();
          });
        }
      };
      pump();
    });
    const response = await opening;
    await stuck;
    // 200 MB were on offer; what fits into socket buffers on the way has passed, and no more.
    expect(written).toBeLessThan(400);
    let seen = 0;
    for await (const _ of eventsOf(response)) seen++;
    expect(seen).toBe(2001);
  }, 60_000);

  it('that breaks off ends with an error that says how to go on', async () => {
    agent.on((received) => {
      openStream(received);
      sendEvent(received, { task: task('s-5') });
      received.response.write('data: {"jsonrpc":"2.0","id":1,"resu');
      setTimeout(() => received.response.destroy(), 20);
    });
    const events = [];
    for await (const event of eventsOf(await line.open('SendStreamingMessage', say('go'))))
      events.push(event);
    expect(events).toHaveLength(2);
    expect(events[1]?.event).toBe('error');
    expect(JSON.parse(events[1]?.data ?? '')).toMatchObject({
      id: 1,
      error: { code: -32055, data: [{ reason: 'UPSTREAM_UNREACHABLE' }] },
    });
  });

  it('is refused where an event is not an answer to the request', async () => {
    agent.on((received) => {
      openStream(received);
      received.response.end('data: {"jsonrpc":"2.0","id":"other","result":{"task":{"id":"x"}}}\n\n');
    });
    const text = await (await line.open('SendStreamingMessage', say('go'))).text();
    expect(text).toContain('INVALID_AGENT_RESPONSE');
    expect(text).not.toContain('"other"');
  });

  it('may be answered whole: an agent’s error before the stream is passed on as it is', async () => {
    agent.on(({ rpc, response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        JSON.stringify({ jsonrpc: '2.0', id: rpc.id, error: { code: -32004, message: 'no streams' } }),
      );
    });
    const response = await line.open('SendStreamingMessage', say('go'));
    expect(await response.json()).toMatchObject({ error: { code: -32004, message: 'no streams' } });
  });

  it('can be joined again with SubscribeToTask', async () => {
    agent.on((received) => {
      openStream(received);
      sendEvent(received, { task: task('s-6') });
      received.response.end();
    });
    await (await line.open('SendStreamingMessage', say('go'))).text();
    agent.on((received) => {
      openStream(received);
      sendEvent(received, update('s-6', 'TASK_STATE_COMPLETED'));
      received.response.end();
    });
    const text = await (await line.open('SubscribeToTask', { id: 's-6' })).text();
    expect(text).toContain('TASK_STATE_COMPLETED');
  });
});
