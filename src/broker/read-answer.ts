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

/** More than any answer needs: a task with a long history names few different ones. */
const maxIds = 1000;

/**
 * Reads a JSON-RPC answer to the request with this id; `undefined` when it is none. Only reads: what is relayed is the
 * agent's own text. `result` is a Task (GetTask, CancelTask) or holds one of `task`, `message`, `statusUpdate`,
 * `artifactUpdate`; an answer that is both at once names the ids of both, since a client may read either.
 */
export function readAnswer(text: string, id: JsonValue): AnswerFacts | undefined {
  const answer = parseJson(text);
  if (!isJsonObject(answer) || answer['jsonrpc'] !== '2.0') return undefined;
  const { error, result } = answer;
  if (error !== undefined) {
    // An agent that could not read the request answers with a null id (JSON-RPC 2.0 §5).
    const isOurs = isJsonObject(error) && (answer['id'] === id || (answer['id'] ?? null) === null);
    // Whether it failed or not has to be one thing to every reader.
    return isOurs && result === undefined ? failed : undefined;
  }
  if (answer['id'] !== id || !isJsonObject(result)) return undefined;
  const facts = factsOf(result);
  return facts.taskIds.length + facts.contextIds.length > maxIds ? undefined : facts;
}

const failed: AnswerFacts = { taskIds: [], contextIds: [], ended: undefined, isError: true };

/** Both spellings: ProtoJSON readers accept either, so a client may act on either. */
const updateNames = ['statusUpdate', 'status_update', 'artifactUpdate', 'artifact_update'];

function factsOf(result: JsonObject): AnswerFacts {
  const ids = new NamedIds();
  let ended: AnswerFacts['ended'];
  const addEnd = (holder: JsonObject, [taskId]: readonly string[]) => {
    const state = isJsonObject(holder['status']) ? holder['status']['state'] : undefined;
    if (taskId !== undefined && typeof state === 'string' && terminalStates.has(state))
      ended = { taskId, state };
  };
  for (const task of objects(result, result['task'])) addEnd(task, ids.addTask(task));
  for (const update of objects(...updateNames.map((name) => result[name])))
    addEnd(update, ids.addMessage(update));
  for (const message of objects(result['message'])) ids.addMessage(message);
  return { taskIds: [...ids.tasks], contextIds: [...ids.contexts], ended, isError: false };
}

/** Collects every id, also of the messages inside: those of a task that belongs to somebody else are somebody else's. */
class NamedIds {
  readonly tasks = new Set<string>();
  readonly contexts = new Set<string>();

  /** Answers the ids that the task has itself. */
  addTask(task: JsonObject): readonly string[] {
    const own = texts(task['id']);
    for (const id of own) this.tasks.add(id);
    this.#addContext(task);
    for (const message of objects(...list(task['history']))) this.addMessage(message);
    this.#addStatus(task);
    return own;
  }

  /** A message, or an update, which names its task in the same way. */
  addMessage(message: JsonObject): readonly string[] {
    const own = texts(message['taskId'], message['task_id']);
    const references = [...list(message['referenceTaskIds']), ...list(message['reference_task_ids'])];
    for (const id of [...own, ...texts(...references)]) this.tasks.add(id);
    this.#addContext(message);
    this.#addStatus(message);
    return own;
  }

  #addContext(holder: JsonObject): void {
    for (const id of texts(holder['contextId'], holder['context_id'])) this.contexts.add(id);
  }

  #addStatus({ status }: JsonObject): void {
    if (isJsonObject(status) && isJsonObject(status['message'])) {
      const { status: _, ...message } = status['message'];
      this.addMessage(message);
    }
  }
}

function objects(...values: readonly (JsonValue | undefined)[]): readonly JsonObject[] {
  return values.filter(isJsonObject);
}

function list(value: JsonValue | undefined): readonly JsonValue[] {
  return Array.isArray(value) ? (value as readonly JsonValue[]) : [];
}

/** Ids. Readers of ProtoJSON make a text of a number. */
function texts(...values: readonly (JsonValue | undefined)[]): readonly string[] {
  return values.flatMap((value) => {
    if (typeof value === 'number') return [String(value)];
    return typeof value === 'string' && value !== '' ? [value] : [];
  });
}
