import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface PutEntry {
  readonly EventBusName: string;
  readonly Source: string;
  readonly DetailType: string;
  /** Epoch seconds. */
  readonly Time: number;
  readonly Detail: string;
}

/** What the endpoint does with one `PutEvents` request. */
export type Answer =
  /** For each entry an error code, or nothing: then it is taken. */
  | { readonly entries: readonly (string | undefined)[] }
  /** As AWS JSON 1.1 has it: `__type`, with this HTTP status. */
  | { readonly error: string; readonly status?: number }
  /** Never answers. */
  | 'hang'
  /** Closes the connection; with `after` it has taken the entries before. */
  | 'drop'
  | 'take-and-drop'
  | 'garbage';

export interface FakeEventBridge {
  readonly url: string;
  /** The entries of each request, whatever became of it. */
  readonly requests: readonly (readonly PutEntry[])[];
  /** What it took, in order. */
  readonly taken: readonly PutEntry[];
  /** For the next requests, in order; afterwards everything is taken. */
  script(...answers: readonly Answer[]): void;
  /** For every request, before the script: `undefined` leaves it to the script. */
  judge(judgement: (entries: readonly PutEntry[]) => Answer | undefined): void;
  /** What `DescribeEventBus` says: that it is there, or an error. */
  describe(error?: string): void;
  readonly describes: () => number;
  close(): Promise<void>;
}

/** Amazon EventBridge's API as far as the broker uses it, with all that can go wrong on demand. */
export async function fakeEventBridge(): Promise<FakeEventBridge> {
  const requests: (readonly PutEntry[])[] = [];
  const taken: PutEntry[] = [];
  const scripted: Answer[] = [];
  let judgement: (entries: readonly PutEntry[]) => Answer | undefined = () => undefined;
  let missing: string | undefined;
  let describes = 0;

  function putEvents(entries: readonly PutEntry[], request: IncomingMessage, response: ServerResponse): void {
    requests.push(entries);
    const answer = judgement(entries) ?? scripted.shift() ?? { entries: [] };
    if (answer === 'hang') return;
    if (answer === 'take-and-drop') taken.push(...entries);
    if (answer === 'drop' || answer === 'take-and-drop') return void request.socket.destroy();
    if (answer === 'garbage') return send(response, 200, '<html>');
    if ('error' in answer)
      return send(response, answer.status ?? 400, { __type: answer.error, message: 'a test says so' });
    const results = entries.map((entry, index) => {
      const code = answer.entries[index];
      if (code !== undefined) return { ErrorCode: code, ErrorMessage: 'a test says so' };
      taken.push(entry);
      return { EventId: String(taken.length) };
    });
    send(response, 200, {
      FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length,
      Entries: results,
    });
  }

  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const body = JSON.parse(Buffer.concat(chunks).toString()) as { Entries?: readonly PutEntry[] };
      if (request.headers['x-amz-target'] === 'AWSEvents.PutEvents')
        return putEvents(body.Entries ?? [], request, response);
      describes++;
      if (missing === undefined)
        send(response, 200, { Name: 'broker', Arn: 'arn:aws:events:::event-bus/broker' });
      else send(response, 400, { __type: missing, message: 'a test says so' });
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    taken,
    script: (...answers) => void scripted.push(...answers),
    judge: (next) => void (judgement = next),
    describe: (error) => void (missing = error),
    describes: () => describes,
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
