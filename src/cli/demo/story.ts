import type { Books } from './books.ts';
import type { Isolation } from './isolation.ts';
import type { Place } from './place.ts';
import type { Asked } from './question.ts';
import type { Registered } from './register.ts';
import type { Programs } from './start-programs.ts';
import type { StepRecord } from './steps.ts';
import type { TiedOut } from './tie-out.ts';
import type { UsageRow } from './usage.ts';

/** Everything that a demo found out. */
export interface Story {
  readonly place: Place;
  readonly operatorToken: string;
  readonly programs: Programs;
  readonly registered: Registered;
  readonly asked: Asked;
  readonly isolation: Isolation;
  readonly usage: readonly UsageRow[];
  readonly books: Books;
  readonly tieOut: TiedOut;
}

/** The one object of `--json`; of a demo that ended early, with what was known by then. */
export function storyAsJson(steps: readonly StepRecord[], story: Partial<Story>): object {
  const { asked, isolation, usage = [], books, tieOut } = story;
  return {
    ok: steps.every(({ ok }) => ok) && tieOut !== undefined,
    steps,
    hops: asked?.hops.map(({ hop }) => hop) ?? [],
    isolation: { ok: isolation?.ok ?? false },
    usage,
    invoice: books === undefined ? null : invoiceAsJson(books),
    settlements:
      books?.settlements.map(({ provider, gross, commission, net }) => ({
        provider,
        gross,
        commission,
        net,
      })) ?? [],
    tieOut: { ok: tieOut?.ok ?? false },
  };
}

function invoiceAsJson({ invoice }: Books): object {
  const { number, currency, total, lines } = invoice;
  return { number, currency, total, lines };
}
