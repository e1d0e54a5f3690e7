import { maxSockets } from './client.ts';
import { failureKind, toStorageError } from './failure.ts';
import { createGate } from './gate.ts';

export interface RetryPolicy {
  /** From the first attempt on; an attempt that is under way when it ends is waited for. Default 5,000. */
  readonly budgetMs?: number;
  /** How long one attempt may take, from connection to last byte; default 2,500. */
  readonly attemptMs?: number;
  /** 0 up to, not including, 1. */
  readonly random?: () => number;
}

/** What the attempt's requests take along, so that they end when its time does. */
export interface AttemptOptions {
  readonly abortSignal: AbortSignal;
}

/** Runs `attempt` until it succeeds, fails for good, or the budget is spent. Throws `StorageError`. */
export type Retrying = <T>(attempt: (options: AttemptOptions) => Promise<T>) => Promise<T>;

const firstDelayMs = 25;
const maxDelayMs = 1000;

/** Full jitter: anything between nothing and a bound that doubles, so that those who collided do not collide again. */
export function createRetrying(policy: RetryPolicy = {}): Retrying {
  const { budgetMs = 5000, attemptMs = 2500, random = Math.random } = policy;
  // Waiting for a connection to become free is not DynamoDB's slowness, and must not count as such.
  const inTurn = createGate(maxSockets);
  return async (attempt) => {
    const end = performance.now() + budgetMs;
    for (let bound = firstDelayMs; ; bound = Math.min(bound * 2, maxDelayMs)) {
      try {
        return await inTurn(() => attempt({ abortSignal: AbortSignal.timeout(attemptMs) }));
      } catch (error) {
        const kind = failureKind(error);
        const delay = random() * bound;
        const isWorthIt = kind === 'again' || kind === 'uncertain';
        if (!isWorthIt || performance.now() + delay >= end) throw toStorageError(error);
        await new Promise((resolve) => setTimeout(resolve, delay));
      }
    }
  };
}
