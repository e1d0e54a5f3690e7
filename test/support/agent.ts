import { createServer, type IncomingHttpHeaders, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface AgentCall {
  readonly body: string;
  readonly rpc: { readonly id: unknown; readonly method: string; readonly params: Record<string, unknown> };
  readonly headers: IncomingHttpHeaders;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

export interface ScriptedAgent {
  readonly url: string;
  readonly calls: readonly AgentCall[];
  /** What it does with calls from now on. */
  on(handler: (call: AgentCall) => void): void;
  close(): Promise<void>;
}

/** An agent that does what a test says, right or wrong, over real HTTP. By default it answers with a message. */
export async function scriptedAgent(): Promise<ScriptedAgent> {
  const calls: AgentCall[] = [];
  let handler = (call: AgentCall): void =>
    answer(call, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } });
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = Buffer.concat(chunks).toString();
      const call = {
        body,
        rpc: JSON.parse(body) as AgentCall['rpc'],
        headers: request.headers,
        request,
        response,
      };
      calls.push(call);
      handler(call);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jsonrpc`,
    calls,
    on: (next) => void (handler = next),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

export function answer({ rpc, response }: AgentCall, result: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ jsonrpc: '2.0', id: rpc.id, result }));
}

/** A task as an agent tells it. */
export function task(
  id: string,
  state = 'TASK_STATE_WORKING',
  contextId = `ctx-${id}`,
): Record<string, unknown> {
  return { id, contextId, status: { state } };
}

export function openStream({ response }: AgentCall): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' });
  response.flushHeaders();
}

export function sendEvent({ rpc, response }: AgentCall, result: unknown): void {
  response.write(`data: ${JSON.stringify({ jsonrpc: '2.0', id: rpc.id, result })}\n\n`);
}
