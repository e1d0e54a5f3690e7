import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts';

/** What an answer, or one event of a stream, tells about tasks. */
export interface AnswerFacts {
  readonly taskIds: readonly string[];
  readonly contextIds: readonly string[];
  /** Set when a task has reached an end. */
  readonly ended: { readonly taskId: string; readonly state: string } | undefined;
  readonly isError: boolean;
}

/** A2A v1.0 §4.1.3: states that a task does not leave. */
const terminalStates = new Set([
  'TASK_STATE_COMPLETED',
  'TASK_STATE_FAILED',
  'TASK_STATE_CANCELED',
  'TASK_STATE_REJECTED',
]);

/**
 * Reads a JSON-RPC answer to the request with this id; `undefined` when it is none. Only reads: what is relayed is the
 * agent's own text. `result` is a Task (GetTask, CancelTask) or holds one of `task`, `message`, `statusUpdate`,
 * `artifactUpdate`.
 */
export function readAnswer(text: string, id: JsonValue): AnswerFacts | undefined {
  const answer = parseJson(text);
  if (!isJsonObject(answer) || answer['jsonrpc'] !== '2.0') return undefined;
  if (answer['error'] !== undefined) {
    // An agent that could not read the request answers with a null id (JSON-RPC 2.0 §5).
    const answers = isJsonObject(answer['error']) && (answer['id'] === id || (answer['id'] ?? null) === null);
    return answers ? { taskIds: [], contextIds: [], ended: undefined, isError: true } : undefined;
  }
  const result = answer['result'];
  if (answer['id'] !== id || !isJsonObject(result)) return undefined;
  const holders = holderNames.flatMap((kind) => {
    const value = result[kind];
    return isJsonObject(value) ? [{ kind, value }] : [];
  });
  return factsOf(holders.length === 0 ? [{ kind: 'task', value: result }] : holders);
}

/** Both spellings: ProtoJSON readers accept either, so a client may act on either. */
const holderNames = ['task', 'message', 'statusUpdate', 'status_update', 'artifactUpdate', 'artifact_update'];

function factsOf(holders: readonly { readonly kind: string; readonly value: JsonObject }[]): AnswerFacts {
  const taskIds = new Set<string>();
  const contextIds = new Set<string>();
  let ended: AnswerFacts['ended'];
  for (const { kind, value } of holders) {
    const named = (kind === 'task' ? [value['id']] : [value['taskId'], value['task_id']]).filter(isId);
    for (const taskId of named) taskIds.add(taskId);
    for (const contextId of [value['contextId'], value['context_id']].filter(isId)) contextIds.add(contextId);
    const state = isJsonObject(value['status']) ? value['status']['state'] : undefined;
    const [taskId] = named;
    if (taskId !== undefined && typeof state === 'string' && terminalStates.has(state))
      ended = { taskId, state };
  }
  return { taskIds: [...taskIds], contextIds: [...contextIds], ended, isError: false };
}

function isId(value: JsonValue | undefined): value is string {
  return typeof value === 'string' && value !== '';
}
