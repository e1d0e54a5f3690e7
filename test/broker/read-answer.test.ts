import { describe, expect, it } from 'vitest';
import { readAnswer } from '../../src/broker/read-answer.ts';

const answer = (result: unknown, id: unknown = 1) => JSON.stringify({ jsonrpc: '2.0', id, result });

describe('an agent’s answer', () => {
  it.each([
    ['a task', { task: { id: 't', contextId: 'c', status: { state: 'TASK_STATE_WORKING' } } }],
    ['GetTask’s bare task', { id: 't', contextId: 'c', status: { state: 'TASK_STATE_WORKING' } }],
    ['a message', { message: { messageId: 'm', taskId: 't', contextId: 'c' } }],
    ['a status update', { statusUpdate: { taskId: 't', contextId: 'c', status: {} } }],
    ['an artifact update', { artifactUpdate: { taskId: 't', contextId: 'c' } }],
    ['ProtoJSON’s other spelling', { status_update: { task_id: 't', context_id: 'c' } }],
  ])('tells its ids: %s', (_, result) => {
    expect(readAnswer(answer(result), 1)).toEqual({
      taskIds: ['t'],
      contextIds: ['c'],
      ended: undefined,
      isError: false,
    });
  });

  it.each(['COMPLETED', 'FAILED', 'CANCELED', 'REJECTED'])('tells that a task has ended: %s', (name) => {
    const state = `TASK_STATE_${name}`;
    const facts = readAnswer(answer({ statusUpdate: { taskId: 't', status: { state } } }), 1);
    expect(facts?.ended).toEqual({ taskId: 't', state });
  });

  it.each(['TASK_STATE_INPUT_REQUIRED', 'TASK_STATE_AUTH_REQUIRED', 'TASK_STATE_SUBMITTED'])(
    'does not take %s for an end',
    (state) => {
      expect(readAnswer(answer({ task: { id: 't', status: { state } } }), 1)?.ended).toBeUndefined();
    },
  );

  it('counts every id when one answer names several', () => {
    const facts = readAnswer(
      answer({ task: { id: 't1' }, statusUpdate: { taskId: 't2', task_id: 't3' } }),
      1,
    );
    expect(facts?.taskIds).toEqual(['t1', 't2', 't3']);
  });

  it.each([
    ['another id', answer({ task: { id: 't' } }, 2)],
    ['the id as another type', answer({ task: { id: 't' } }, '1')],
    ['no id with a result', answer({ task: { id: 't' } }, null)],
    ['no result', '{"jsonrpc":"2.0","id":1}'],
    ['a list as result', answer([])],
    ['another version', '{"jsonrpc":"1.0","id":1,"result":{}}'],
    ['an error that is no object', '{"jsonrpc":"2.0","id":1,"error":"no"}'],
    ['no JSON', '<html>'],
  ])('is none with %s', (_, text) => {
    expect(readAnswer(text, 1)).toBeUndefined();
  });

  it('may be an error, also one without id when the agent could not read it', () => {
    for (const id of [1, null])
      expect(readAnswer(JSON.stringify({ jsonrpc: '2.0', id, error: { code: -32001 } }), 1)?.isError).toBe(
        true,
      );
  });
});
