import { builtInScopes } from '../registry/index.ts';

const [invoke, read] = builtInScopes;

export interface Method {
  readonly name: string;
  /** Any one of these is enough. */
  readonly scopes: readonly string[];
  readonly streaming: boolean;
  /** `task`: `params.id` names a task. `message`: `params.message` is a message, which may name some. */
  readonly about: 'task' | 'message';
}

/** The methods of A2A v1.0 that are relayed (§9.4). */
const relayed: readonly Method[] = [
  { name: 'SendMessage', scopes: [invoke], streaming: false, about: 'message' },
  { name: 'SendStreamingMessage', scopes: [invoke], streaming: true, about: 'message' },
  { name: 'GetTask', scopes: [read, invoke], streaming: false, about: 'task' },
  { name: 'CancelTask', scopes: [invoke], streaming: false, about: 'task' },
  { name: 'SubscribeToTask', scopes: [read, invoke], streaming: true, about: 'task' },
];

const byName = new Map(relayed.map((method) => [method.name, method]));

const pushMethods = new Set([
  'CreateTaskPushNotificationConfig',
  'GetTaskPushNotificationConfig',
  'ListTaskPushNotificationConfigs',
  'DeleteTaskPushNotificationConfig',
]);
const otherMethods = new Set(['ListTasks', 'GetExtendedAgentCard']);

/** What A2A calls the absence of this method, so that a client can tell "not here" from "no such thing". */
export function findMethod(
  name: string,
): Method | 'PUSH_NOTIFICATION_NOT_SUPPORTED' | 'UNSUPPORTED_OPERATION' | 'METHOD_NOT_FOUND' {
  const method = byName.get(name);
  if (method !== undefined) return method;
  if (pushMethods.has(name)) return 'PUSH_NOTIFICATION_NOT_SUPPORTED';
  return otherMethods.has(name) ? 'UNSUPPORTED_OPERATION' : 'METHOD_NOT_FOUND';
}
