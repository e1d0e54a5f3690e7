import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';
import type { ApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import type { Asked } from './question.ts';

const rowSchema = z.object({
  agent: z.string(),
  /** Whose word it is: the broker's own, or the company's. */
  kind: z.enum(['observed', 'reported']),
  meter: z.string(),
  quantity: z.string(),
  events: z.int(),
});
export const usageSchema = z.object({ items: z.array(rowSchema) });
export type UsageRow = z.output<typeof rowSchema>;

const patienceMs = 20_000;
const pollMs = 50;

/**
 * What both sides counted of the question, once all of it is there: a stream's totals are recorded when it has ended, which
 * its caller does not wait for. Throws `failed`, with what is missing.
 */
export async function collectUsage(
  api: ApiClient,
  tenant: string,
  asked: Asked,
): Promise<readonly UsageRow[]> {
  const from = new Date(asked.at).toISOString();
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const { body } = await api.request({
      path: '/v1/usage',
      query: { tenant, from, groupBy: 'agent,kind,meter' },
    });
    const { items } = usageSchema.parse(body);
    const [problem] = checkUsage(items, asked);
    if (problem === undefined) return items;
    if (performance.now() > deadline) throw new Failure('failed', problem);
    await delay(pollMs);
  }
}

/**
 * The broker saw each hop as one call and one task, the owner's reading of its task as one call more, and every event of the
 * stream; and it has what each company reported. Answers what is otherwise.
 */
export function checkUsage(
  rows: readonly UsageRow[],
  { hops, streamed, reported }: Pick<Asked, 'hops' | 'streamed' | 'reported'>,
): readonly string[] {
  const problems: string[] = [];
  const demand = (kind: UsageRow['kind'], agent: string, meter: string, quantity: string) => {
    const found = rows.find(
      (row) => row.kind === kind && row.agent === agent && row.meter === meter,
    )?.quantity;
    if (found !== quantity)
      problems.push(`${agent} has ${found ?? 'no'} ${meter} ${kind}, and should have ${quantity}.`);
  };
  for (const [index, { hop }] of hops.entries()) {
    demand('observed', hop.agent, 'calls', index === 0 ? '2' : '1');
    demand('observed', hop.agent, 'tasks', '1');
  }
  for (const agent of new Set(streamed.map(({ from }) => from)))
    demand('observed', agent, 'stream_events', String(streamed.filter(({ from }) => from === agent).length));
  for (const [agent, quantities] of Object.entries(reported))
    for (const [meter, quantity] of Object.entries(quantities)) demand('reported', agent, meter, quantity);
  return problems;
}
