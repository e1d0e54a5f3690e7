import type { TrustContext } from './deps.ts';
import type { TrustRecord } from './model.ts';

/** Old and new keys stand side by side for a day or more where keys are rotated with care. */
const everyMs = 6 * 3600_000;
const askEveryMs = 10 * 60_000;
const atOnce = 8;

type QuietContext = Pick<TrustContext, 'issuers' | 'issuerKeys' | 'clock' | 'log'>;

/**
 * Looks at the keys of issuers from which no token comes, four times a day, until the returned function is called: a rotation that
 * nobody saw from one end to the other would look like a replacement. Of several processes one does each round.
 */
export function watchQuietIssuers(context: QuietContext): () => void {
  const stopped = new AbortController();
  const timer = setInterval(() => {
    lookAtIssuers(context, stopped.signal).catch((error: unknown) => {
      if (!stopped.signal.aborted) context.log.error({ err: error }, 'issuers’ keys could not be looked at');
    });
  }, askEveryMs);
  timer.unref();
  return () => {
    stopped.abort();
    clearInterval(timer);
  };
}

/** One round, when one is due and no other process has begun it. What is found is noted as when a token comes. */
export async function lookAtIssuers(context: QuietContext, stopped: AbortSignal): Promise<void> {
  if (!(await context.issuers.beginRound(context.clock.now(), everyMs))) return;
  for await (const records of context.issuers.watched()) {
    for (let at = 0; at < records.length; at += atOnce) {
      if (stopped.aborted) return;
      const some = records.slice(at, at + atOnce).filter((record) => isWatched(record));
      // An issuer that does not answer is asked again with the next round, or the next token.
      await Promise.all(some.map((record) => context.issuerKeys.find(record, 'ES256', undefined)));
    }
  }
}

function isWatched({ status, jwksUri }: TrustRecord): boolean {
  return status === 'active' && jwksUri !== undefined;
}
