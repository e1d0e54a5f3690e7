import { randomUUID } from 'node:crypto';
import { Artifact, Message, type Part, SendMessageRequest, Task, type TaskState } from '@a2a-js/sdk';
import { AgentEvent, type ExecutionEventBus, type RequestContext } from '@a2a-js/sdk/server';

type Json = Readonly<Record<string, unknown>>;

/** A request with one structured part, and words for people. */
export function request(text: string, data?: Json): SendMessageRequest {
  return SendMessageRequest.fromJSON({
    message: {
      messageId: randomUUID(),
      role: 'ROLE_USER',
      parts: [{ text }, ...(data === undefined ? [] : [{ data }])],
    },
  });
}

export function textOf(parts: readonly Part[]): string {
  return parts.flatMap(({ content }) => (content?.$case === 'text' ? [content.value] : [])).join('\n');
}

/** The first structured part. */
export function dataOf(parts: readonly Part[]): Json {
  for (const { content } of parts)
    if (content?.$case === 'data' && typeof content.value === 'object' && content.value !== null)
      return content.value as Json;
  return {};
}

/** What an agent publishes while it works on one task. */
export class Reply {
  readonly #ids: { readonly taskId: string; readonly contextId: string };
  readonly #bus: ExecutionEventBus;

  constructor({ taskId, contextId, userMessage }: RequestContext, bus: ExecutionEventBus) {
    this.#ids = { taskId, contextId };
    this.#bus = bus;
    const task = Task.fromJSON({
      id: taskId,
      contextId,
      status: { state: 'TASK_STATE_SUBMITTED', timestamp: new Date().toISOString() },
    });
    bus.publish(AgentEvent.task({ ...task, history: [userMessage] }));
  }

  status(state: TaskState, text: string): void {
    const message = Message.fromJSON({
      messageId: randomUUID(),
      role: 'ROLE_AGENT',
      ...this.#ids,
      parts: [{ text }],
    });
    const status = { state, message, timestamp: new Date().toISOString() };
    this.#bus.publish(AgentEvent.statusUpdate({ ...this.#ids, status, metadata: undefined }));
  }

  /** One artifact, whole or in pieces: `append` continues the one of the same name. */
  artifact(
    name: string,
    data: Json,
    piece: { readonly append: boolean; readonly last: boolean } = whole,
  ): void {
    const artifact = Artifact.fromJSON({ artifactId: name, name, parts: [{ data }] });
    this.#bus.publish(
      AgentEvent.artifactUpdate({
        ...this.#ids,
        artifact,
        append: piece.append,
        lastChunk: piece.last,
        metadata: undefined,
      }),
    );
  }
}

const whole = { append: false, last: true };
