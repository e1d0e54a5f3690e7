import { parseSseStream } from '@a2a-js/sdk';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Line, openLine, readAnswer, say } from '../support/a2a.ts';
import { answer, openStream, sendEvent, task } from '../support/agent.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
let acme: Line;
let globex: Line;
beforeAll(async () => {
  stage = await openStage();
  acme = await openLine(stage.market, stage.acme);
  globex = await openLine(stage.market, stage.globex);
  stage.agent.on((received) => answer(received, { task: task('acme-task') }));
  await acme.call('SendMessage', say('start'));
});
afterAll(() => stage.close());
beforeEach(() => {
  stage.agent.on((received) => answer(received, task('acme-task')));
});

/** A request as text, because what matters is how it is written. */
async function post(body: string, headers: Record<string, string> = {}) {
  return readAnswer(
    await fetch(`${stage.url}/a2a/${stage.market.agent}/jsonrpc`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${globex.token}`,
        'content-type': 'application/json',
        'a2a-version': '1.0',
        ...headers,
      },
      body,
    }),
  );
}

const rpc = (method: string, params: string) =>
  `{"jsonrpc":"2.0","id":1,"method":"${method}","params":${params}}`;
const message = (members: string) =>
  rpc('SendMessage', `{"message":{"messageId":"m","role":"ROLE_USER","parts":[],${members}}}`);

describe('a request that means another tenant’s task to some readers only', () => {
  it.each([
    ['an id in escapes', rpc('GetTask', '{"id":"\\u0061cme-task"}'), 'TASK_NOT_FOUND'],
    ['an id twice, theirs first', rpc('GetTask', '{"id":"acme-task","id":"mine"}'), 'INVALID_REQUEST'],
    ['an id twice, theirs last', rpc('GetTask', '{"id":"mine","id":"acme-task"}'), 'INVALID_REQUEST'],
    [
      'an id twice, once in escapes',
      rpc('GetTask', '{"id":"mine","\\u0069d":"acme-task"}'),
      'INVALID_REQUEST',
    ],
    [
      'params twice',
      '{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"a"},"params":{"id":"acme-task"}}',
      'INVALID_REQUEST',
    ],
    [
      'methods twice',
      '{"jsonrpc":"2.0","id":1,"method":"Nothing","method":"GetTask","params":{"id":"acme-task"}}',
      'INVALID_REQUEST',
    ],
    ['an id as a list', rpc('GetTask', '{"id":["acme-task"]}'), 'INVALID_PARAMS'],
    ['an id as a number', rpc('GetTask', '{"id":1}'), 'INVALID_PARAMS'],
    ['params as a list', rpc('GetTask', '["acme-task"]'), 'INVALID_PARAMS'],
    ['no id, another name', rpc('GetTask', '{"name":"tasks/acme-task"}'), 'INVALID_PARAMS'],
    ['ID', rpc('GetTask', '{"ID":"acme-task","id":"mine"}'), 'INVALID_PARAMS'],
    ['a batch', `[${rpc('GetTask', '{"id":"acme-task"}')}]`, 'INVALID_REQUEST'],
    ['task_id', message('"task_id":"acme-task"'), 'INVALID_PARAMS'],
    ['TaskId', message('"TaskId":"acme-task"'), 'INVALID_PARAMS'],
    ['task-id', message('"task-id":"acme-task"'), 'INVALID_PARAMS'],
    ['taskId in wide letters', message('"ｔａｓｋId":"acme-task"'), 'INVALID_PARAMS'],
    ['taskId twice', message('"taskId":null,"taskId":"acme-task"'), 'INVALID_REQUEST'],
    ['context_id', message('"context_id":"ctx-acme-task"'), 'INVALID_PARAMS'],
    ['reference_task_ids', message('"reference_task_ids":["acme-task"]'), 'INVALID_PARAMS'],
    ['references as a text', message('"referenceTaskIds":"acme-task"'), 'INVALID_PARAMS'],
    ['references in a list', message('"referenceTaskIds":[["acme-task"]]'), 'INVALID_PARAMS'],
    [
      'a thousand references',
      message(`"referenceTaskIds":${JSON.stringify(Array(1000).fill('x'))}`),
      'INVALID_PARAMS',
    ],
    [
      'Message',
      rpc('SendMessage', '{"message":{"messageId":"m"},"Message":{"taskId":"acme-task"}}'),
      'INVALID_PARAMS',
    ],
    [
      'message twice',
      rpc('SendMessage', '{"message":{},"message":{"taskId":"acme-task"}}'),
      'INVALID_REQUEST',
    ],
    ['message as a list', rpc('SendMessage', '{"message":[{"taskId":"acme-task"}]}'), 'INVALID_PARAMS'],
    ['another spelling of the method', rpc('getTask', '{"id":"acme-task"}'), 'METHOD_NOT_FOUND'],
    ['A2A 0.3’s method', rpc('tasks/get', '{"id":"acme-task"}'), 'METHOD_NOT_FOUND'],
    ['a list of all tasks', rpc('ListTasks', '{}'), 'UNSUPPORTED_OPERATION'],
    [
      'a push address',
      rpc('CreateTaskPushNotificationConfig', '{"taskId":"acme-task"}'),
      'PUSH_NOTIFICATION_NOT_SUPPORTED',
    ],
    [
      'a push address in a message',
      rpc('SendMessage', '{"message":{},"configuration":{"taskPushNotificationConfig":{"url":"http://x"}}}'),
      'PUSH_NOTIFICATION_NOT_SUPPORTED',
    ],
    ['an inherited method', rpc('constructor', '{"id":"acme-task"}'), 'METHOD_NOT_FOUND'],
    ['a mark before it', `\uFEFF${rpc('GetTask', '{"id":"acme-task"}')}`, 'PARSE_ERROR'],
    ['a comment', rpc('GetTask', '{/**/"id":"acme-task"}'), 'PARSE_ERROR'],
    ['NaN', rpc('GetTask', '{"id":NaN}'), 'PARSE_ERROR'],
    ['brackets without end', '['.repeat(100_000), 'PARSE_ERROR'],
  ])('%s', async (_, body, reason) => {
    const calls = stage.agent.calls.length;
    const got = await post(body);
    expect(got.reason).toBe(reason);
    expect(got.text).not.toContain('acme-task');
    expect(stage.agent.calls.length).toBe(calls);
  });

  it.each([
    ['A2A’s routing key', rpc('GetTask', '{"tenant":"acme","id":"acme-task"}'), {}],
    ['a header', rpc('GetTask', '{"id":"acme-task"}'), { 'x-tenant': 'acme', 'x-tenant-id': 'acme' }],
    [
      'a forwarded user',
      rpc('GetTask', '{"id":"acme-task"}'),
      { 'x-forwarded-user': 'acme', cookie: 'tenant=acme' },
    ],
    ['a second token', rpc('GetTask', '{"id":"acme-task","token":"x"}'), { 'x-authorization': 'Bearer x' }],
  ])('is not saved by %s that names the other tenant', async (_, body, headers) => {
    expect((await post(body, headers)).reason).toBe('TASK_NOT_FOUND');
  });

  it('with the caller’s routing key, reaches the agent with none', async () => {
    await post(
      rpc('SendMessage', '{"tenant":"acme","message":{"messageId":"m","role":"ROLE_USER","parts":[]}}'),
    );
    expect(stage.agent.calls.at(-1)?.rpc.params['tenant'] ?? '').toBe('');
  });

  it('nested without end passes through, and harms nobody', async () => {
    const deep = `${'['.repeat(200_000)}${']'.repeat(200_000)}`;
    stage.agent.on((received) => answer(received, { message: { messageId: 'a', parts: [] } }));
    const got = await post(rpc('SendMessage', `{"metadata":${deep},"message":{"messageId":"m","parts":[]}}`));
    expect(got.status).toBe(200);
    expect((await acme.call('GetTask', { id: 'never-seen' })).reason).toBe('TASK_NOT_FOUND');
  });
});

describe('an answer that means another tenant’s task to some readers only', () => {
  it.each([
    ['in a bare task beside a message', '"result":{"id":"acme-task","message":{"messageId":"m"}}'],
    ['in a message’s reference', '"result":{"message":{"messageId":"m","referenceTaskIds":["acme-task"]}}'],
    ['in the history', '"result":{"task":{"id":"mine-1","history":[{"taskId":"acme-task"}]}}'],
    [
      'in the history’s context',
      '"result":{"task":{"id":"mine-2","history":[{"contextId":"ctx-acme-task"}]}}',
    ],
    ['in the status', '"result":{"task":{"id":"mine-3","status":{"message":{"taskId":"acme-task"}}}}'],
    ['in other letters', '"result":{"task":{"id":"mine-4","history":[{"task_id":"acme-task"}]}}'],
    ['in escapes', '"result":{"task":{"id":"\\u0061cme-task"}}'],
    ['beside an error', '"error":{"code":-32001,"message":"no"},"result":{"task":{"id":"acme-task"}}'],
    ['for another request', '"id":2,"result":{"task":{"id":"mine-5"}}'],
    [
      'among 2,000 others',
      `"result":{"message":{"referenceTaskIds":${JSON.stringify(Array.from({ length: 2000 }, (_, n) => `t${n}`))}}}`,
    ],
  ])('%s', async (_, members) => {
    stage.agent.on(({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      response.end(
        members.startsWith('"id"') ? `{"jsonrpc":"2.0",${members}}` : `{"jsonrpc":"2.0","id":1,${members}}`,
      );
    });
    const got = await globex.call('SendMessage', say('hi'));
    expect([got.status, got.reason]).toEqual([502, 'INVALID_AGENT_RESPONSE']);
    expect(got.text).not.toMatch(/acme-task|mine-|t1/);
  });

  it('as a number, which readers make a text of', async () => {
    stage.agent.on((received) => answer(received, { task: { id: 4711, status: {} } }));
    await acme.call('SendMessage', say('start'));
    expect((await globex.call('SendMessage', say('hi'))).reason).toBe('INVALID_AGENT_RESPONSE');
    expect((await globex.call('GetTask', { id: '4711' })).reason).toBe('TASK_NOT_FOUND');
  });

  const good = '"jsonrpc":"2.0","id":1,"result":{"message":{"messageId":"ok"}}';
  const evil = '"result":{"task":{"id":"acme-task","contextId":"ctx-acme-task"}}';
  it.each([
    ['behind a CR that ends a line for us alone', `data: {${good},"x":1\r,${evil}\ndata: }\n\n`],
    ['behind a byte order mark', `\uFEFFdata: {"jsonrpc":"2.0","id":1,${evil}}\n\n`],
    ['in an event without its blank line', `data: {${good}}\n\ndata: {"jsonrpc":"2.0","id":1,${evil}}\n`],
    ['in a comment for us alone', `:\rdata: {${good}}\n\n`],
  ])('in a stream, %s', async (_, body) => {
    stage.agent.on((received) => {
      openStream(received);
      received.response.end(body);
    });
    const read: string[] = [];
    const response = await globex.open('SendStreamingMessage', say('hi'));
    // The reader that most callers have.
    for await (const { data } of parseSseStream(response)) read.push(JSON.stringify(JSON.parse(data)));
    expect(read.join('\n')).not.toContain('acme-task');
  });

  it('in a stream that names tasks without end', async () => {
    stage.agent.on((received) => {
      openStream(received);
      for (let number = 0; number < 1500; number++)
        sendEvent(received, { statusUpdate: { taskId: `endless-${number}`, status: {} } });
    });
    const text = await (await globex.open('SendStreamingMessage', say('hi'))).text();
    expect(text).toContain('INVALID_AGENT_RESPONSE');
    expect(text).not.toContain('endless-1400');
  });
});
