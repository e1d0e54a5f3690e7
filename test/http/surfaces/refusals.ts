import { asText, isJsonObject, type JsonObject } from '../../../src/kernel/json.ts';
import { runBroker } from '../../support/broker-in-process.ts';
import { type Operation, operationsOf } from '../../support/openapi.ts';
import type { Bad } from './bad-bodies.ts';
import type { Furnished } from './furnished.ts';
import { type RawAnswer, rawRequest } from './raw-request.ts';

/** Every operation that a broker documents. For tests that are made for each. */
export async function documentedOperations(): Promise<readonly Operation[]> {
  const broker = await runBroker();
  const document = (await (await fetch(`${broker.url}/openapi.json`)).json()) as JsonObject;
  await broker.close();
  return operationsOf(document);
}

/** As somebody who may do it. */
export async function send(world: Furnished, operation: Operation, bad: Bad): Promise<RawAnswer> {
  const token = operation.path === '/v1/usage/events' ? world.reporter : world.market.token;
  return rawRequest(world.market.url, {
    method: operation.method,
    path: bad.path ?? world.pathOf(operation),
    headers: {
      authorization: `Bearer ${token}`,
      ...(bad.type === undefined ? {} : { 'content-type': bad.type }),
      ...bad.headers,
    },
    ...(bad.body === undefined ? {} : { body: bad.body }),
  });
}

/** All records but those that say that something was refused, and those of the relay of events, which works beside. */
export async function records(world: Furnished): Promise<string> {
  const all = await world.store.snapshot();
  return JSON.stringify(all.filter(({ partition }) => !/^audit(?:[-#]|$)|^(?:outbox|lease)/.test(partition)));
}

/** What was not refused as documented, and whether the store is as it was. */
export async function refusalsOf(
  world: Furnished,
  operation: Operation,
  bads: readonly Bad[],
): Promise<{ readonly strange: readonly unknown[]; readonly kept: boolean }> {
  const before = await records(world);
  const strange: unknown[] = [];
  for (const bad of bads) {
    const answer = await send(world, operation, bad);
    const problem = answer.type === 'application/problem+json' ? (JSON.parse(answer.text) as JsonObject) : {};
    const isFine =
      answer.status >= 400 &&
      answer.status < 500 &&
      operation.statuses.includes(answer.status) &&
      problem['status'] === answer.status &&
      typeof problem['code'] === 'string' &&
      problem['requestId'] === answer.requestId &&
      (bad.pointer === undefined || pointers(problem).some((path) => path.startsWith(bad.pointer ?? '')));
    if (!isFine) strange.push({ what: bad.what, status: answer.status, text: answer.text.slice(0, 500) });
  }
  return { strange, kept: (await records(world)) === before };
}

function pointers(problem: JsonObject): readonly string[] {
  const errors = problem['errors'];
  return Array.isArray(errors)
    ? errors.flatMap((error) => (isJsonObject(error) ? [asText(error['path'])] : []))
    : [];
}
