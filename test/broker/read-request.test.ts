import { describe, expect, it } from 'vitest';
import { readRequest } from '../../src/broker/read-request.ts';
import { Refusal } from '../../src/broker/refusals.ts';

function read(body: string) {
  let id: unknown = null;
  return { request: readRequest(Buffer.from(body), (value) => (id = value)), id: () => id };
}

function refusalOf(body: string): { reason: string; message: string; id: unknown } {
  let id: unknown = null;
  try {
    readRequest(Buffer.from(body), (value) => (id = value));
  } catch (error) {
    if (error instanceof Refusal) return { reason: error.reason, message: error.message, id };
    throw error;
  }
  throw new Error('was not refused');
}

const rpc = (method: string, params: string, id = '1') =>
  `{"jsonrpc":"2.0","id":${id},"method":"${method}","params":${params}}`;

describe('a JSON-RPC request', () => {
  it('names the task, the context and the tasks that it refers to', () => {
    const message =
      '{"message":{"messageId":"m","taskId":"t","contextId":"c","referenceTaskIds":["r1","r2"],"parts":[]}}';
    const { request, id } = read(rpc('SendMessage', message, '"req-7"'));
    expect(request).toMatchObject({ taskId: 't', contextId: 'c', referenceTaskIds: ['r1', 'r2'] });
    expect([request.id, id()]).toEqual(['req-7', 'req-7']);
  });

  it.each(['GetTask', 'CancelTask', 'SubscribeToTask'])('%s is about params.id', (method) => {
    expect(read(rpc(method, '{"id":"t-1"}')).request.taskId).toBe('t-1');
    expect(refusalOf(rpc(method, '{}')).reason).toBe('INVALID_PARAMS');
  });

  it('is passed on byte by byte: unknown fields, number forms and order stay', () => {
    const body = rpc(
      'SendMessage',
      ' { "z":1.0, "message" :{"parts":[{"data":1e400000}],"x":10000000000000000001}}',
    );
    const { request } = read(body);
    expect(request.bodyFor(undefined).toString()).toBe(body);
  });

  it('loses the caller’s routing key and gets the agent’s, and nothing else changes', () => {
    const mine = rpc('GetTask', '{"id":"t","tenant":"acme","n":1.0}');
    expect(read(mine).request.bodyFor('upstream/"7"').toString()).toBe(
      mine.replace('"acme"', '"upstream/\\"7\\""'),
    );
    expect(read(mine).request.bodyFor(undefined).toString()).toBe(mine.replace('"acme"', '""'));
    const none = rpc('GetTask', '{"id":"t"}');
    expect(read(none).request.bodyFor('up').toString()).toBe(
      none.replace('{"id":"t"', '{"tenant":"up","id":"t"'),
    );
  });

  it.each([
    ['no JSON', '{"jsonrpc":', 'PARSE_ERROR'],
    ['a batch', `[${rpc('GetTask', '{"id":"t"}')}]`, 'INVALID_REQUEST'],
    ['no object', '"GetTask"', 'INVALID_REQUEST'],
    ['another version', rpc('GetTask', '{"id":"t"}').replace('2.0', '1.0'), 'INVALID_REQUEST'],
    ['a fractional id', rpc('GetTask', '{"id":"t"}', '1.5'), 'INVALID_REQUEST'],
    ['an object as id', rpc('GetTask', '{"id":"t"}', '{}'), 'INVALID_REQUEST'],
    ['no id (a notification)', '{"jsonrpc":"2.0","method":"GetTask","params":{"id":"t"}}', 'INVALID_REQUEST'],
    ['a method of A2A 0.3', rpc('message/send', '{}'), 'METHOD_NOT_FOUND'],
    ['an inherited name as method', rpc('constructor', '{}'), 'METHOD_NOT_FOUND'],
    ['push configuration', rpc('CreateTaskPushNotificationConfig', '{}'), 'PUSH_NOTIFICATION_NOT_SUPPORTED'],
    ['ListTasks', rpc('ListTasks', '{}'), 'UNSUPPORTED_OPERATION'],
    ['params as a list', rpc('GetTask', '["t"]'), 'INVALID_PARAMS'],
    ['a message that is none', rpc('SendMessage', '{"message":"hi"}'), 'INVALID_PARAMS'],
    ['a long id', rpc('GetTask', `{"id":"${'x'.repeat(513)}"}`), 'INVALID_PARAMS'],
    [
      '101 references',
      rpc('SendMessage', `{"message":{"referenceTaskIds":${JSON.stringify(Array(101).fill('t'))}}}`),
      'INVALID_PARAMS',
    ],
  ])('with %s is refused', (_, body, reason) => {
    expect(refusalOf(body).reason).toBe(reason);
  });

  it.each([
    ['ProtoJSON’s other spelling', '{"message":{"task_id":"theirs"}}'],
    ['another case', '{"message":{"TASKID":"theirs"}}'],
    ['letters that fold to ours', '{"message":{"ta\u017fkId":"theirs"}}'],
    ['another spelling of contextId', '{"message":{"context_id":"theirs"}}'],
    ['another spelling of the list', '{"message":{"reference_task_ids":["theirs"]}}'],
    ['a number, which some agents turn into a string', '{"message":{"taskId":42}}'],
    ['a list, which some agents turn into a string', '{"message":{"taskId":["theirs"]}}'],
    ['numbers among the references', '{"message":{"referenceTaskIds":[42]}}'],
    ['references that are no list', '{"message":{"referenceTaskIds":{"0":"theirs"}}}'],
    ['a second message under another name', '{"message":{},"Message":{"taskId":"theirs"}}'],
  ])('cannot name a task unseen: %s', (_, params) => {
    expect(refusalOf(rpc('SendMessage', params)).reason).toBe('INVALID_PARAMS');
  });

  it.each([
    ['in the request', `{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"a"},"params":{"id":"b"}}`],
    ['in params', rpc('GetTask', '{"id":"mine","id":"theirs"}')],
    ['escaped', rpc('GetTask', '{"id":"mine","\\u0069d":"theirs"}')],
    ['in the message', rpc('SendMessage', '{"message":{"taskId":"mine","taskId":"theirs"}}')],
    ['in the configuration', rpc('SendMessage', '{"message":{},"configuration":{"a":1,"a":2}}')],
  ])('with a member given twice %s is refused', (_, body) => {
    expect(refusalOf(body).reason).toBe('INVALID_REQUEST');
  });

  it.each(['taskPushNotificationConfig', 'task_push_notification_config'])(
    'cannot make the agent call somebody directly: %s',
    (name) => {
      const body = rpc(
        'SendMessage',
        `{"message":{},"configuration":{"${name}":{"url":"https://x.example"}}}`,
      );
      expect(['PUSH_NOTIFICATION_NOT_SUPPORTED', 'INVALID_PARAMS']).toContain(refusalOf(body).reason);
    },
  );

  it('is refused with its own id once that is known', () => {
    expect(refusalOf(rpc('GetTask', '{}', '"abc"')).id).toBe('abc');
    expect(refusalOf('{').id).toBeNull();
  });
});
