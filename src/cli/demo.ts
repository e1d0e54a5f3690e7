import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { ensureDataDirectory } from './data-directory.ts';
import { type DemoBroker, startDemoBroker } from './demo/broker.ts';
import { createCrew, type Crew } from './demo/crew.ts';
import { findExamples } from './demo/examples.ts';
import { choosePlace, type Place } from './demo/place.ts';
import { printAddresses } from './demo/print-addresses.ts';
import { printCalls } from './demo/print-calls.ts';
import { printMoney } from './demo/print-money.ts';
import { createProgress, silent } from './demo/progress.ts';
import { watchSignals } from './demo/signals.ts';
import { programNames } from './demo/start-programs.ts';
import { Steps } from './demo/steps.ts';
import { type Story, storyAsJson } from './demo/story.ts';
import { type Stage, tellStory } from './demo/tell-story.ts';
import { withExamples } from './examples.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { dataDirOf } from './operator-token-file.ts';
import { withJson } from './options.ts';
import { colorsFor, isColorful, write } from './output.ts';

interface DemoOptions {
  readonly once?: boolean;
  readonly json?: boolean;
}

const about = `It starts a broker, and from examples/ three companies with an agent and an issuer each, and the
identity providers of two tenants: every one a process of its own, on this machine. A user of one
tenant asks the first agent, which asks the second, which asks the third. Then it shows who called
whom and on whose behalf, what the other tenant gets when it tries to read the task, the usage from
both sides, the invoice, the settlements, and that they are the same sum; and stays up with
addresses to try, until Ctrl-C.

Data stay in BROKER_DATA_DIR (./data), and the next start goes on with them: the same companies,
keys and addresses. The broker is at BROKER_URL, or at PORT; else at port 8080, or another one when
that is in use. It may call addresses of this machine, which a broker otherwise refuses. It closes
the current month early, to have an invoice to show: do not point it at data that matter.`;

const jsonHelp = `With --json it prints one object when the steps are done, and stays up without --once:
  {ok, steps: [{name, ok, ms, error?}],
   hops: [{agent, tenant, audTenant, sub, actDepth, txn}], isolation: {ok},
   usage: [{agent, kind, meter, quantity, events}],
   invoice: {number, currency, total, lines: [{provider, agent, meter, quantity, amount, …}]},
   settlements: [{provider, gross, commission, net}], tieOut: {ok}}`;

export function addDemoCommand(program: Command, io: CliIo): void {
  const demo = withJson(program.command('demo'))
    .description('Shows everything working, with three companies and two tenants.')
    .option(
      '--once',
      'end after the demo, with 0 only if every step held; on temporary data, at any free ports',
    )
    .addHelpText('after', `\n${about}\n\n${jsonHelp}`)
    .action((options: DemoOptions) => runDemo(io, options));
  withExamples(demo, 'demo', 'demo --once', 'demo --once --json | jq .tieOut');
}

async function runDemo(io: CliIo, options: DemoOptions): Promise<void> {
  const signals = watchSignals();
  const temporary = options.once === true ? await mkdtemp(join(tmpdir(), 'a2a-broker-demo-')) : undefined;
  let crew: Crew | undefined;
  let broker: Promise<DemoBroker> | undefined;
  try {
    const opened = (crew = createCrew(() => findExamples(io.env)));
    const interrupted = Promise.race([opened.lost, signals.asked.then(interruption)]);
    const steps = new Steps(listenerOf(io, options), interrupted);
    const stage: Stage = {
      steps,
      choosePlace: () => makePlace(io, temporary),
      startBroker: async (place: Place) => (await (broker = startDemoBroker(io, place))).operatorToken,
      crew: opened,
    };
    const story = await tell(io, options, stage);
    if (options.once === true) return;
    if (options.json !== true) {
      const shell = {
        cwd: process.cwd(),
        script: process.argv[1] ?? '',
        loader: findExamples(io.env).loader,
      };
      await write(io.stdout, printAddresses(story, shell, colorsFor(io.stdout, io.env)));
    }
    const end = await Promise.race([opened.lost, signals.asked]);
    if (end instanceof Failure) throw end;
    io.stderr.write('\nStopping: the companies first, then the broker.\n');
  } finally {
    // First those who may have something to tell the broker.
    await crew?.stop();
    await broker?.then(
      (started) => started.broker.close(),
      () => undefined,
    );
    if (temporary !== undefined) await rm(temporary, { recursive: true, force: true });
    signals.dispose();
  }
}

/** The steps, and what they found in words; or as one object, also when one of them did not hold. */
async function tell(io: CliIo, { json }: DemoOptions, stage: Stage): Promise<Story> {
  const known: Partial<Story> = {};
  try {
    const story = await tellStory(stage, known);
    if (json !== true) {
      const colors = colorsFor(io.stdout, io.env);
      await write(io.stdout, `${printCalls(story, colors)}\n${printMoney(story, colors)}\n`);
    }
    return story;
  } finally {
    if (json === true) await write(io.stdout, `${JSON.stringify(storyAsJson(stage.steps.records, known))}\n`);
  }
}

async function makePlace(io: CliIo, temporary: string | undefined): Promise<Place> {
  // Before anything is made: without them there is nothing to show.
  findExamples(io.env);
  const directory = temporary ?? resolve(dataDirOf(io.env));
  await ensureDataDirectory(directory);
  return choosePlace(io.env, { directory, programs: programNames, isTemporary: temporary !== undefined });
}

function listenerOf(io: CliIo, { json }: DemoOptions) {
  if (json === true) return silent;
  return createProgress(io.stdout, colorsFor(io.stdout, io.env), isColorful(io.stdout, io.env));
}

function interruption(signal: NodeJS.Signals): Failure {
  return new Failure('failed', `It was interrupted by ${signal}.`);
}
