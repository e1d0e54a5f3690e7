import { isJsonObject, type JsonObject } from '../../kernel/json.ts';
import { Failure } from '../failure.ts';
import { checkHops } from './check-hops.ts';
import type { Crew } from './crew.ts';
import {
  type HopLine,
  hopSchema,
  type Outcome,
  outcomeSchema,
  reportedSchema,
  type Streamed,
  streamedSchema,
} from './lines.ts';
import { question } from './parties.ts';
import type { Place } from './place.ts';
import { appArguments, type Programs, type RunningTenant } from './start-programs.ts';

/** One question of a tenant's user, and what became of it at every company. */
export interface Asked {
  readonly text: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly taskId: string;
  /** What the user got. */
  readonly booking: JsonObject;
  /** In the order of the calls. */
  readonly hops: readonly HopLine[];
  readonly streamed: readonly Streamed[];
  /** Agent → meter → quantity, as each company told the broker, and the broker accepted. */
  readonly reported: Readonly<Record<string, Readonly<Record<string, string>>>>;
}

/** Signs the user in at the tenant's own issuer and asks the first agent. Throws `failed` when any of it is not as it must be. */
export async function askQuestion(
  crew: Crew,
  place: Place,
  programs: Programs,
  tenant: RunningTenant,
): Promise<Asked> {
  const at = Date.now();
  const text = question(new Date(at));
  const outcome = await ask(crew, place, tenant, ['--text', text]);
  if ('refused' in outcome)
    throw new Failure(
      'failed',
      `${outcome.refused.agent} refused: ${outcome.refused.message} (${outcome.refused.code})`,
    );
  const { taskId, task } = outcome.answer;
  if (task.status.state !== 'TASK_STATE_COMPLETED')
    throw new Failure('failed', `The task ended as ${task.status.state}.`);
  const data = (task.artifacts ?? []).flatMap(({ parts }) => parts).map((part) => part.data);
  const itinerary = data.find((item) => isJsonObject(item));
  const booking = itinerary?.['booking'];
  if (!isJsonObject(booking)) throw new Failure('failed', 'The answer has no booking in it.');

  const { hops, reported } = await whatCompaniesSay(programs);
  const [problem] = checkHops(hops, programs.companies, tenant);
  if (problem !== undefined) throw new Failure('failed', problem);
  const streamed = programs.companies.flatMap(({ process }) => process.lines(streamedSchema));
  if (streamed.length === 0) throw new Failure('failed', 'No hop streamed.');
  return { text, at, taskId, booking, hops, streamed: streamed.map((line) => line.streamed), reported };
}

/** One run of the tenant's app: it prints what it was answered, or why it was refused. */
export async function ask(
  crew: Crew,
  place: Place,
  { id, name, user, password, ready }: RunningTenant,
  args: readonly string[],
): Promise<Outcome> {
  const signIn = ['--user', user, '--password', password];
  const app = await crew.run(
    {
      name: `the app of ${name}`,
      file: 'tenant/ask.ts',
      args: [...appArguments(place, id, ready.issuer), ...signIn, ...args],
    },
    [0, 3],
  );
  const [outcome] = app.lines(outcomeSchema);
  if (outcome === undefined) throw new Failure('failed', `The app of ${name} did not print an outcome.`);
  return outcome;
}

/** It comes through other pipes than the answer, and a little later. */
async function whatCompaniesSay({ companies }: Programs): Promise<Pick<Asked, 'hops' | 'reported'>> {
  const said = await Promise.all(
    companies.map(async ({ agent, process }) => {
      const [hop] = await process.waitFor(hopSchema, 1, 'the call that it served');
      const [line] = await process.waitFor(reportedSchema, 1, 'the usage that it reported');
      if (hop === undefined || line === undefined) throw new Error('a line that was waited for is missing');
      const { status, reason, meter, quantity } = line.usage;
      if (status !== 'accepted')
        throw new Failure('failed', `The broker did not accept the usage of ${agent}: ${reason ?? status}.`);
      return { hop, reported: [agent, { [meter]: quantity }] as const };
    }),
  );
  return {
    hops: said.map(({ hop }) => hop),
    reported: Object.fromEntries(said.map(({ reported }) => reported)),
  };
}
