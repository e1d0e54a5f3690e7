import { authorizationFor } from './authorization.ts';
import type { BrokerClient } from './broker-client.ts';
import { BrokerError } from './broker-error.ts';
import { type Fetch, fetchJson } from './fetch-json.ts';
import type { UsageEvent } from './usage-event.ts';

export interface UsageOutcome {
  readonly id: string;
  /**
   * `accepted` and `duplicate` are in the broker's ledger. `rejected` will never be; `reason` says why. `undelivered`
   * was not sent, or not answered: the same id may be reported again.
   */
  readonly status: 'accepted' | 'duplicate' | 'rejected' | 'undelivered';
  readonly reason?: string;
}

export type Delivery =
  | { readonly kind: 'answered'; readonly outcomes: readonly UsageOutcome[] }
  /** Try the same again, not before this. */
  | { readonly kind: 'later'; readonly retryAfterSeconds: number | undefined; readonly reason: string }
  /** Not as one batch: try two halves. */
  | { readonly kind: 'split'; readonly reason: string };

/** Sends one batch, once. Never throws. */
export async function deliver(
  {
    client,
    fetch,
    signal,
  }: { readonly client: BrokerClient; readonly fetch: Fetch; readonly signal: AbortSignal },
  events: readonly UsageEvent[],
): Promise<Delivery> {
  try {
    const token = await client.clientCredentials(['usage:write']);
    const url = `${client.broker}/v1/usage/events`;
    const body = JSON.stringify(events);
    const post = async () => {
      const answer = await fetchJson(fetch, url, {
        method: 'POST',
        headers: {
          ...(await authorizationFor(client, token, { method: 'POST', url })),
          'Content-Type': 'application/cloudevents-batch+json',
        },
        body,
        signal,
      });
      return { answer, isNewNonce: client.dpop?.learn(url, answer.dpopNonce) === true };
    };
    const first = await post();
    const { answer } = first.isNewNonce && first.answer.status === 401 ? await post() : first;
    const { status, retryAfterSeconds } = answer;
    const outcomes = readOutcomes(answer.body, events);
    if (outcomes !== undefined) return { kind: 'answered', outcomes };
    const reason = problemOf(answer.body) ?? `The broker answered ${status}.`;
    if (status === 401) client.forget(token.accessToken);
    if (status === 401 || status === 408 || status === 429 || status >= 500 || status < 300)
      return { kind: 'later', retryAfterSeconds, reason };
    if (status === 403) return all(events, 'undelivered', reason);
    return events.length > 1 ? { kind: 'split', reason } : all(events, 'rejected', reason);
  } catch (error) {
    if (error instanceof BrokerError && (error.isTransient || error.code === 'answer_invalid'))
      return { kind: 'later', retryAfterSeconds: error.retryAfterSeconds, reason: error.message };
    // The client itself is refused, or its key cannot sign: the events are not at fault, waiting does not help.
    return all(events, 'undelivered', error instanceof Error ? error.message : String(error));
  }
}

function all(events: readonly UsageEvent[], status: 'rejected' | 'undelivered', reason: string): Delivery {
  return { kind: 'answered', outcomes: events.map(({ id }) => ({ id, status, reason })) };
}

/** One outcome for each event, in order; `undefined` when the answer is something else. */
function readOutcomes(body: unknown, events: readonly UsageEvent[]): readonly UsageOutcome[] | undefined {
  const list = isRecord(body) ? (body['results'] ?? body['items']) : undefined;
  if (!Array.isArray(list) || list.length !== events.length) return undefined;
  const outcomes = (list as readonly unknown[]).flatMap((item, index): readonly UsageOutcome[] => {
    const id = events[index]?.id ?? '';
    if (!isRecord(item) || (item['id'] !== undefined && item['id'] !== id)) return [];
    const { status, reason } = item;
    if (status === 'accepted' || status === 'duplicate') return [{ id, status }];
    return [{ id, status: 'rejected', reason: typeof reason === 'string' ? reason : String(status) }];
  });
  return outcomes.length === events.length ? outcomes : undefined;
}

/** RFC 9457 */
function problemOf(body: unknown): string | undefined {
  if (!isRecord(body)) return undefined;
  const text = [body['code'], body['detail']].filter((part) => typeof part === 'string').join(': ');
  return text === '' ? undefined : text.slice(0, 500);
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
