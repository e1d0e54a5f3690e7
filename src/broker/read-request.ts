import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts';
import { type MemberSpan, membersOf, valueStart } from './json-spans.ts';
import { findMethod, type Method } from './methods.ts';
import { Refusal } from './refusals.ts';

/** A JSON-RPC request for one of the relayed methods, with every id that it names. */
export interface RpcRequest {
  /** Value and type as sent; goes back in the answer. */
  readonly id: JsonValue;
  readonly method: Method;
  /** The task that the call is about. */
  readonly taskId: string | undefined;
  readonly contextId: string | undefined;
  readonly referenceTaskIds: readonly string[];
  /** What is sent upstream: the caller's own bytes, but for the routing key `tenant`. */
  bodyFor(upstreamTenant: string | undefined): Buffer;
}

const maxIdLength = 512;
const maxReferences = 100;

/** Throws {@link Refusal}. `noteId` learns the request's id as soon as it is known, so that a refusal can carry it. */
export function readRequest(body: Buffer, noteId: (id: JsonValue) => void): RpcRequest {
  const text = body.toString('utf8');
  const request = parseJson(text);
  if (request === undefined) throw new Refusal('PARSE_ERROR');
  if (Array.isArray(request))
    throw new Refusal('INVALID_REQUEST', { message: 'Batches are not part of A2A: send one request.' });
  if (!isJsonObject(request) || request['jsonrpc'] !== '2.0') throw new Refusal('INVALID_REQUEST');
  const members = distinctMembers(text, valueStart(text));
  const id = request['id'];
  if (typeof id !== 'string' && !(typeof id === 'number' && Number.isSafeInteger(id)))
    throw new Refusal('INVALID_REQUEST', { message: 'id must be a string or a whole number.' });
  noteId(id);
  if (typeof request['method'] !== 'string') throw new Refusal('INVALID_REQUEST');
  const method = findMethod(request['method']);
  if (typeof method === 'string') throw new Refusal(method);
  const params = request['params'];
  if (!isJsonObject(params)) throw invalid('params must be an object.');

  const paramsAt = members.find(({ name }) => name === 'params')?.valueStart ?? 0;
  const paramMembers = distinctMembers(text, paramsAt);
  refuseAliases(params, ['id', 'tenant', 'message', 'configuration']);
  optionalString(params, 'tenant');
  const named =
    method.about === 'task' ? readTaskParams(params) : readMessageParams(params, text, paramMembers);
  return {
    id,
    method,
    ...named,
    bodyFor: (upstreamTenant) => withTenant(body, text, paramsAt, paramMembers, upstreamTenant),
  };
}

type NamedIds = Pick<RpcRequest, 'taskId' | 'contextId' | 'referenceTaskIds'>;

function readTaskParams(params: JsonObject): NamedIds {
  const taskId = optionalString(params, 'id');
  if (taskId === undefined) throw invalid('params.id must name a task.');
  return { taskId, contextId: undefined, referenceTaskIds: [] };
}

function readMessageParams(params: JsonObject, text: string, members: readonly MemberSpan[]): NamedIds {
  const { message, configuration } = params;
  if (!isJsonObject(message)) throw invalid('params.message must be an object.');
  for (const name of ['message', 'configuration'])
    if (isJsonObject(params[name]))
      distinctMembers(text, members.find((member) => member.name === name)?.valueStart ?? 0);
  refuseAliases(message, ['messageId', 'taskId', 'contextId', 'referenceTaskIds']);
  if (isJsonObject(configuration)) {
    refuseAliases(configuration, ['taskPushNotificationConfig']);
    if ((configuration['taskPushNotificationConfig'] ?? null) !== null)
      throw new Refusal('PUSH_NOTIFICATION_NOT_SUPPORTED');
  } else if ((configuration ?? null) !== null) throw invalid('params.configuration must be an object.');
  const references = message['referenceTaskIds'] ?? [];
  if (!Array.isArray(references) || references.length > maxReferences)
    throw invalid(`referenceTaskIds must be a list of at most ${maxReferences}.`);
  return {
    taskId: optionalString(message, 'taskId'),
    contextId: optionalString(message, 'contextId'),
    referenceTaskIds: references.map((reference: JsonValue) => checkedId(reference, 'referenceTaskIds')),
  };
}

/** Absent, `null` and the empty string all mean "not set" in ProtoJSON. */
function optionalString(object: JsonObject, name: string): string | undefined {
  const value = object[name];
  return value === undefined || value === null || value === '' ? undefined : checkedId(value, name);
}

/** Numbers would be turned into strings by some agents, and so name a task that was not checked. */
function checkedId(value: JsonValue, name: string): string {
  if (typeof value !== 'string') throw invalid(`${name} must be a string.`);
  if (value.length > maxIdLength) throw invalid(`${name} may have ${maxIdLength} characters.`);
  return value;
}

/** The same name twice means one thing to one parser and another to the next: what we check must be what the agent reads. */
function distinctMembers(text: string, start: number): readonly MemberSpan[] {
  const members = membersOf(text, start);
  const names = new Set(members.map(({ name }) => name));
  if (names.size !== members.length)
    throw new Refusal('INVALID_REQUEST', { message: 'A member is given twice.' });
  return members;
}

/**
 * Agents accept other spellings of a name: `task_id` (ProtoJSON), `TaskId` (parsers that ignore case). One that we do not
 * read could name somebody else's task, so it is refused, not passed on.
 */
function refuseAliases(object: JsonObject, names: readonly string[]): void {
  for (const name of Object.keys(object)) {
    const known = names.find((candidate) => plain(candidate) === plain(name));
    if (known !== undefined && known !== name)
      throw invalid(`Write ${known}, not ${JSON.stringify(name.slice(0, 64))}.`);
  }
}

function plain(name: string): string {
  return name
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
}

/** A2A's `tenant` is a routing key between us and the agent: the caller's is never passed on. */
function withTenant(
  body: Buffer,
  text: string,
  paramsAt: number,
  members: readonly MemberSpan[],
  upstreamTenant: string | undefined,
): Buffer {
  const existing = members.find(({ name }) => name === 'tenant');
  if (existing === undefined) {
    if (upstreamTenant === undefined) return body;
    const comma = members.length === 0 ? '' : ',';
    const insert = `"tenant":${JSON.stringify(upstreamTenant)}${comma}`;
    return Buffer.from(text.slice(0, paramsAt + 1) + insert + text.slice(paramsAt + 1), 'utf8');
  }
  const value = JSON.stringify(upstreamTenant ?? '');
  return Buffer.from(text.slice(0, existing.valueStart) + value + text.slice(existing.valueEnd), 'utf8');
}

function invalid(message: string): Refusal {
  return new Refusal('INVALID_PARAMS', { message });
}
