import type { ApiClient } from '../api-client.ts';
import { createApiClient } from '../api-client.ts';
import { Failure } from '../failure.ts';
import { closeBooks } from './books.ts';
import type { Crew } from './crew.ts';
import { tryIsolation } from './isolation.ts';
import { acme, globex } from './parties.ts';
import type { Place } from './place.ts';
import { askQuestion } from './question.ts';
import { registerParties } from './register.ts';
import { type Programs, type RunningTenant, startPrograms } from './start-programs.ts';
import type { Steps } from './steps.ts';
import type { Story } from './story.ts';
import { requireTieOut } from './tie-out.ts';
import { collectUsage } from './usage.ts';

/** What the steps need. */
export interface Stage {
  readonly steps: Steps;
  readonly choosePlace: () => Promise<Place>;
  /** Answers the operator's token. */
  readonly startBroker: (place: Place) => Promise<string>;
  readonly crew: Crew;
}

/** The demo, one step after the other. What each finds is put into `story`, which so outlives a step that does not hold. */
export async function tellStory(
  { steps, crew, ...stage }: Stage,
  story: Partial<Mutable<Story>>,
): Promise<Story> {
  const place = (story.place = await steps.run({
    name: 'data',
    work: stage.choosePlace,
    detail: ({ directory, isKept, notes }) =>
      [isKept ? `${directory}, as an earlier start left it` : directory, ...notes].join('. '),
  }));
  const operatorToken = (story.operatorToken = await steps.run({
    name: 'broker',
    work: () => stage.startBroker(place),
    detail: () => place.brokerUrl,
  }));
  const api = createApiClient({ broker: place.brokerUrl, token: operatorToken });
  const programs = (story.programs = await steps.run({
    name: 'programs',
    work: () => startPrograms(crew, place),
    detail: ({ companies, tenants }) =>
      `companies at ${portsOf(companies)}, identity providers at ${portsOf(tenants)}`,
  }));
  const registered = (story.registered = await steps.run({
    name: 'registration',
    work: () => registerParties(api, programs, monthNow()),
    detail: ({ made, kept }) =>
      [kept === 0 ? '' : `${kept} records found as they were left`, made === 0 ? '' : `${made} records made`]
        .filter(Boolean)
        .join(', '),
  }));
  const found = await tellCalls({ steps, crew, place, api, programs }, story);
  return { place, operatorToken, programs, registered, ...found };
}

type Scene = Pick<Stage, 'steps'> & {
  readonly crew: Crew;
  readonly place: Place;
  readonly api: ApiClient;
  readonly programs: Programs;
};

async function tellCalls(
  { steps, crew, place, api, programs }: Scene,
  story: Partial<Mutable<Story>>,
): Promise<Pick<Story, 'asked' | 'isolation' | 'usage' | 'books' | 'tieOut'>> {
  const owner = tenantOf(programs, acme.id);
  const other = tenantOf(programs, globex.id);
  const asked = (story.asked = await steps.run({
    name: 'question',
    work: () => askQuestion(crew, place, programs, owner),
    detail: ({ hops }) => `${owner.user} of ${owner.name} asked, and ${hops.length} companies worked on it`,
  }));
  const isolation = (story.isolation = await steps.run({
    name: 'isolation',
    work: () => tryIsolation(crew, place, asked.taskId, { owner, other }),
    detail: ({ code }) => `${other.user} of ${other.name} asked for the task: ${code}`,
  }));
  const usage = (story.usage = await steps.run({
    name: 'usage',
    work: () => collectUsage(api, owner.id, asked),
    detail: (rows) => `${rows.length} counts, and both sides agree`,
  }));
  const books = (story.books = await steps.run({
    name: 'books',
    work: () => closeBooks(api, owner.id, monthNow()),
    detail: ({ isNew, period, invoice }) =>
      isNew
        ? `${period.period} is closed: ${invoice.number}`
        : `${period.period} was closed by an earlier start: ${invoice.number}`,
  }));
  const tieOut = (story.tieOut = await steps.run({
    name: 'tie-out',
    work: () => requireTieOut(api, owner.id, books),
    detail: () => 'invoices, settlements and commission are the same sum',
  }));
  return { asked, isolation, usage, books, tieOut };
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

function tenantOf(programs: Programs, id: string): RunningTenant {
  const found = programs.tenants.find((tenant) => tenant.id === id);
  if (found === undefined) throw new Failure('failed', `There is no tenant ${id}.`);
  return found;
}

function portsOf(programs: readonly { readonly ready: { readonly url: string } }[]): string {
  return programs.map(({ ready }) => `:${new URL(ready.url).port}`).join(' ');
}

/** Billing months are in UTC. */
function monthNow(): string {
  return new Date().toISOString().slice(0, 7);
}
