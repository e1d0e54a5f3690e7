import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Line, openLine, say } from '../support/a2a.ts';
import { answer, openStream, scriptedAgent, type ScriptedAgent, sendEvent, task } from '../support/agent.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { call, type Market, openMarket } from '../support/market.ts';

let agent: ScriptedAgent;
let broker: RunningBroker;
let market: Market;
let acme: Line;
let globex: Line;

beforeAll(async () => {
  agent = await scriptedAgent();
  broker = await runBroker();
  market = await openMarket(broker, agent.url);
  acme = await openLine(market, await market.addTenant('acme'));
  globex = await openLine(market, await market.addTenant('globex'));
  agent.on((received) => answer(received, { task: task('acme-task') }));
  await acme.call('SendMessage', say('start'));
});
afterAll(async () => {
  await broker.close();
  await agent.close();
});
beforeEach(() => {
  // The agent itself knows no tenants: whoever asks gets it.
  agent.on((received) => answer(received, task('acme-task')));
});

const message = (fields: Record<string, unknown>) => say('hi', fields);

describe('another tenant’s task', () => {
  it.each([
    ['GetTask', (id: string) => ({ id })],
    ['CancelTask', (id: string) => ({ id })],
    ['SubscribeToTask', (id: string) => ({ id })],
    ['SendMessage', (id: string) => message({ taskId: id })],
    ['SendStreamingMessage', (id: string) => message({ taskId: id })],
    ['SendMessage', (id: string) => message({ referenceTaskIds: [id] })],
  ])('cannot be told from one that does not exist: %s %#', async (method, params) => {
    const before = agent.calls.length;
    const theirs = await globex.call(method, params('acme-task'));
    const nobodys = await globex.call(method, params('never-seen'));
    expect(theirs.text).toBe(nobodys.text);
    expect([theirs.status, theirs.body.error?.code, theirs.reason]).toEqual([200, -32001, 'TASK_NOT_FOUND']);
    expect(theirs.body.error?.data?.[0]?.domain).toBe('a2a-protocol.org');
    expect(agent.calls.length).toBe(before);
  });

  it('is the owner’s own: read, and refused nowhere', async () => {
    expect((await acme.call('GetTask', { id: 'acme-task' })).body.result).toMatchObject({ id: 'acme-task' });
  });

  it('cannot be joined by its context', async () => {
    const before = agent.calls.length;
    const got = await globex.call('SendMessage', message({ contextId: 'ctx-acme-task' }));
    expect(got.reason).toBe('TASK_NOT_FOUND');
    expect(agent.calls.length).toBe(before);
  });

  it('does not come back in an answer, even when the agent mixes tenants up', async () => {
    agent.on((received) => answer(received, { task: task('acme-task') }));
    const got = await globex.call('SendMessage', say('mine?'));
    expect([got.status, got.reason]).toEqual([502, 'INVALID_AGENT_RESPONSE']);
    expect(got.text).not.toContain('acme-task');
    const { items } = await call<{ items: { detail?: Record<string, unknown> }[] }>(
      { url: market.url, token: market.token },
      'GET',
      '/v1/tenants/globex/audit?limit=5',
    );
    expect(items.some(({ detail }) => String(detail?.['isolation']).includes('another tenant'))).toBe(true);
  });

  it('does not come back in the middle of a stream', async () => {
    agent.on((received) => {
      openStream(received);
      sendEvent(received, { task: task('globex-task') });
      sendEvent(received, { statusUpdate: { taskId: 'acme-task', contextId: 'ctx-acme-task', status: {} } });
      sendEvent(received, { message: { messageId: 'after' } });
    });
    const text = await (await globex.open('SendStreamingMessage', say('stream'))).text();
    expect(text).toContain('globex-task');
    expect(text).not.toContain('acme-task');
    expect(text).not.toContain('after');
    expect(text).toContain('event: error\ndata: ');
    expect(text).toContain('INVALID_AGENT_RESPONSE');
  });

  it('is not opened by a tenant that the caller claims: A2A’s tenant is only a routing key', async () => {
    const got = await globex.call('GetTask', { id: 'acme-task', tenant: 'acme' });
    expect(got.reason).toBe('TASK_NOT_FOUND');
  });
});

describe('a context that the client names', () => {
  it('is the first tenant’s, also when two name it at the same moment', async () => {
    agent.on((received) => answer(received, { message: { messageId: 'a', contextId: 'race' } }));
    const both = await Promise.all(
      [acme, globex].map((line) => line.call('SendMessage', message({ contextId: 'race' }))),
    );
    const outcomes = both.map(({ reason }) => reason ?? 'served').toSorted();
    expect(outcomes).toEqual(['TASK_NOT_FOUND', 'served']);
  });

  it('stays the tenant’s over several calls', async () => {
    agent.on((received) => answer(received, { message: { messageId: 'a', contextId: 'mine' } }));
    for (let turn = 0; turn < 3; turn++)
      expect((await acme.call('SendMessage', message({ contextId: 'mine' }))).body.result).toBeDefined();
  });
});

describe('a task that two answers name at once', () => {
  it('gets one owner, and the other answer is withheld', async () => {
    agent.on((received) =>
      answer(received, { task: task('contested', 'TASK_STATE_WORKING', 'ctx-contested') }),
    );
    const both = await Promise.all([acme, globex].map((line) => line.call('SendMessage', say('go'))));
    expect(both.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 502]);
    const loser = both.find(({ status }) => status === 502);
    expect(loser?.text).not.toContain('contested');
  });
});
