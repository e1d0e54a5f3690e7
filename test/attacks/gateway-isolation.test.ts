import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Line, openLine, say } from '../support/a2a.ts';
import { type AgentCall, answer, openStream, sendEvent } from '../support/agent.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
let lines: readonly Line[];
beforeAll(async () => {
  stage = await openStage();
  const initech = await stage.market.addTenant('initech');
  lines = await Promise.all(
    [stage.acme, stage.globex, initech].map((tenant) => openLine(stage.market, tenant)),
  );
});
afterAll(() => stage.close());

const lineOf = (who: number) => lines[who] ?? expect.fail();

/** Numbers stand for ids: each run has a pool of its own, which all tenants know and try. */
interface Step {
  readonly who: number;
  readonly method: 'SendMessage' | 'SendStreamingMessage' | 'GetTask' | 'CancelTask' | 'SubscribeToTask';
  readonly task: number | undefined;
  readonly context: number | undefined;
  readonly references: readonly number[];
  /** What the agent, which knows no tenants and confuses everything, answers with. */
  readonly told: {
    readonly shape: 'task' | 'message' | 'statusUpdate' | 'bare';
    readonly task: number;
    readonly context: number;
    readonly past: readonly number[];
  };
}

const taskNumber = fc.nat(5);
const contextNumber = fc.nat(3);
const step: fc.Arbitrary<Step> = fc.record({
  who: fc.nat(2),
  method: fc.constantFrom('SendMessage', 'SendStreamingMessage', 'GetTask', 'CancelTask', 'SubscribeToTask'),
  task: fc.option(taskNumber, { nil: undefined, freq: 1 }),
  context: fc.option(contextNumber, { nil: undefined, freq: 1 }),
  references: fc.array(taskNumber, { maxLength: 2 }),
  told: fc.record({
    shape: fc.constantFrom('task', 'message', 'statusUpdate', 'bare'),
    task: taskNumber,
    context: contextNumber,
    past: fc.array(taskNumber, { maxLength: 2 }),
  }),
});

let runs = 0;

/** Who owns what, as it has to be: the first tenant to be told of an id, or to choose a context. */
class Model {
  readonly #prefix = `run${++runs}`;
  readonly #owners = new Map<string, number>();

  task = (number: number) => `${this.#prefix}-task-${number}`;
  context = (number: number) => `${this.#prefix}-context-${number}`;

  isForeign(who: number, ids: readonly string[]): boolean {
    return ids.some((id) => (this.#owners.get(id) ?? who) !== who);
  }

  owns(who: number, ids: readonly string[]): boolean {
    return ids.every((id) => this.#owners.get(id) === who);
  }

  claim(who: number, ids: readonly string[]): void {
    for (const id of ids) if (!this.#owners.has(id)) this.#owners.set(id, who);
  }
}

function paramsOf(model: Model, { method, task, context, references }: Step): Record<string, unknown> {
  if (method === 'GetTask' || method === 'CancelTask' || method === 'SubscribeToTask')
    return { id: model.task(task ?? 0) };
  return say('hi', {
    ...(task === undefined ? {} : { taskId: model.task(task) }),
    ...(context === undefined ? {} : { contextId: model.context(context) }),
    ...(references.length === 0 ? {} : { referenceTaskIds: references.map(model.task) }),
  });
}

function resultOf(model: Model, { told }: Step): Record<string, unknown> {
  const ids = { taskId: model.task(told.task), contextId: model.context(told.context) };
  const history = told.past.map((number) => ({ messageId: `m${number}`, taskId: model.task(number) }));
  const task = { id: ids.taskId, contextId: ids.contextId, status: {}, history };
  switch (told.shape) {
    case 'task':
      return { task };
    case 'bare':
      return task;
    case 'message':
      return { message: { messageId: 'm', ...ids, referenceTaskIds: told.past.map(model.task) } };
    case 'statusUpdate':
      return { statusUpdate: { ...ids, status: { message: history[0] ?? { messageId: 'm' } } } };
  }
}

/** Every id that the agent's answer holds, wherever. */
function toldIds(result: unknown): readonly string[] {
  return [...new Set(JSON.stringify(result).match(/run\d+-(?:task|context)-\d/g))];
}

function reply(received: AgentCall, result: Record<string, unknown>): void {
  if (!/Streaming|Subscribe/.test(received.rpc.method)) {
    answer(received, result);
    return;
  }
  openStream(received);
  sendEvent(received, result);
  received.response.end();
}

type Outcome = 'TASK_NOT_FOUND' | 'INVALID_AGENT_RESPONSE' | 'served';

interface Seen {
  readonly outcome: Outcome | undefined;
  readonly reachedAgent: boolean;
  /** Ids that got to the caller. */
  readonly told: readonly string[];
}

/** What has to become of the step, and in the model does. */
function expected(model: Model, current: Step): Seen {
  const { who, method, task, context, references } = current;
  const isAboutTask = method === 'GetTask' || method === 'CancelTask' || method === 'SubscribeToTask';
  const tasks = isAboutTask
    ? [model.task(task ?? 0)]
    : [...(task === undefined ? [] : [task]), ...references].map(model.task);
  const contexts = isAboutTask || context === undefined ? [] : [model.context(context)];
  if (!model.owns(who, tasks) || model.isForeign(who, contexts))
    return { outcome: 'TASK_NOT_FOUND', reachedAgent: false, told: [] };
  model.claim(who, contexts);
  const told = toldIds(resultOf(model, current));
  if (model.isForeign(who, told)) return { outcome: 'INVALID_AGENT_RESPONSE', reachedAgent: true, told: [] };
  model.claim(who, told);
  return { outcome: 'served', reachedAgent: true, told };
}

/** What becomes of it. */
async function take(model: Model, current: Step): Promise<Seen> {
  const result = resultOf(model, current);
  stage.agent.on((received) => reply(received, result));
  const calls = stage.agent.calls.length;
  const response = await lineOf(current.who).open(current.method, paramsOf(model, current));
  const text = await response.text();
  const outcomes = ['TASK_NOT_FOUND', 'INVALID_AGENT_RESPONSE'] as const;
  return {
    outcome:
      outcomes.find((outcome) => text.includes(`"${outcome}"`)) ??
      (text.includes(JSON.stringify(result)) ? 'served' : undefined),
    reachedAgent: stage.agent.calls.length > calls,
    told: toldIds(text),
  };
}

describe('three tenants that know all ids, and an agent that mixes them up', () => {
  it('never get each other’s tasks and contexts, whatever they and the agent say in whatever order', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25 }), async (steps) => {
        const model = new Model();
        for (const current of steps) expect(await take(model, current)).toEqual(expected(model, current));
        for (const who of [0, 1, 2])
          for (const number of [0, 1, 2, 3, 4, 5]) {
            const id = model.task(number);
            stage.agent.on((received) => answer(received, { id, status: {} }));
            const got = await lineOf(who).call('GetTask', { id });
            expect(got.reason ?? got.body.result?.['id']).toBe(model.owns(who, [id]) ? id : 'TASK_NOT_FOUND');
          }
      }),
      { numRuns: 30 },
    );
  }, 120_000);

  it('get each new id once, when all are told of it at the same moment', async () => {
    for (let round = 0; round < 20; round++) {
      const id = `contested-${round}`;
      stage.agent.on((received) => answer(received, { task: { id, contextId: `ctx-${id}`, status: {} } }));
      const got = await Promise.all(lines.map((line) => line.call('SendMessage', say('go'))));
      expect(got.filter(({ status }) => status === 200)).toHaveLength(1);
      for (const { reason, text } of got.filter(({ status }) => status !== 200)) {
        expect(reason).toBe('INVALID_AGENT_RESPONSE');
        expect(text).not.toContain(id);
      }
    }
  });

  it('get each context that they choose once, when all choose it at the same moment', async () => {
    for (let round = 0; round < 20; round++) {
      const contextId = `chosen-${round}`;
      stage.agent.on((received) => answer(received, { message: { messageId: 'm', contextId } }));
      const calls = stage.agent.calls.length;
      const got = await Promise.all(lines.map((line) => line.call('SendMessage', say('go', { contextId }))));
      expect(got.map(({ reason }) => reason ?? 'served').toSorted()).toEqual([
        'TASK_NOT_FOUND',
        'TASK_NOT_FOUND',
        'served',
      ]);
      expect(stage.agent.calls.length).toBe(calls + 1);
    }
  });
});
