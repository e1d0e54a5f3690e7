import { type CryptoKey, importJWK, type JWK } from 'jose';
import { BrokerError } from './broker-error.ts';
import type { BrokerMetadata } from './discovery.ts';
import { type Fetch, fetchJson } from './fetch-json.ts';

export interface BrokerKeys {
  /** The key with this id; `undefined` when the broker has none. Throws {@link BrokerError} when no key set can be had. */
  find(keyId: string): Promise<CryptoKey | undefined>;
}

const freshMs = 10 * 60_000;
/** While the broker cannot be reached, its last keys are trusted this long. */
const hardAgeMs = 24 * 3600_000;
const maxKeys = 100;
/** Refreshes that tokens with unknown key ids (or a broker that is down) can cause: a few at once, then one per interval. */
const budgetSize = 4;
const budgetIntervalMs = 10_000;

/** The broker's public ES256 keys, fetched when first needed, refreshed together and within a budget. */
export function createBrokerKeys(deps: {
  readonly metadata: () => Promise<BrokerMetadata>;
  readonly fetch: Fetch;
  readonly now: () => number;
}): BrokerKeys {
  let keys: ReadonlyMap<string, CryptoKey> | undefined;
  let fetchedAt = -Infinity;
  let running: Promise<void> | undefined;
  let problem: BrokerError | undefined;
  let budget = budgetSize;
  let budgetAt = deps.now();

  function takeBudget(): boolean {
    const now = deps.now();
    budget = Math.min(budgetSize, budget + Math.max(0, now - budgetAt) / budgetIntervalMs);
    budgetAt = now;
    if (budget < 1) return false;
    budget -= 1;
    return true;
  }

  async function load(): Promise<void> {
    try {
      keys = await fetchKeys((await deps.metadata()).jwksUri, deps.fetch);
      fetchedAt = deps.now();
      problem = undefined;
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error;
      problem = error;
    } finally {
      running = undefined;
    }
  }

  /** Waits for a refresh that is under way; starts one when the budget allows. */
  async function refresh(): Promise<void> {
    if (running === undefined && !takeBudget()) return;
    running ??= load();
    await running;
  }

  return {
    async find(keyId) {
      const age = deps.now() - fetchedAt;
      if (age > freshMs || keys?.has(keyId) !== true) await refresh();
      if (keys === undefined || deps.now() - fetchedAt > hardAgeMs)
        throw (
          problem ??
          new BrokerError('temporarily_unavailable', 'The broker’s keys have not been fetched yet.')
        );
      return keys.get(keyId);
    },
  };
}

async function fetchKeys(url: string, fetch: Fetch): Promise<ReadonlyMap<string, CryptoKey>> {
  const answer = await fetchJson(fetch, url);
  const list =
    answer.status === 200 ? (answer.body as { keys?: unknown } | null | undefined)?.keys : undefined;
  if (!Array.isArray(list) || list.length > maxKeys)
    throw new BrokerError('answer_invalid', `${url} answered ${answer.status} without a usable key set.`);
  const usable = (list as readonly JWK[]).filter(isEs256PublicKey);
  return new Map(
    await Promise.all(
      usable.map(async (jwk): Promise<[string, CryptoKey]> => {
        const { kty, crv, x, y } = jwk;
        return [jwk.kid ?? '', (await importJWK({ kty, crv, x, y } as JWK, 'ES256')) as CryptoKey];
      }),
    ).catch((error: unknown) => {
      throw new BrokerError('answer_invalid', `${url} has a key that cannot be read.`, { cause: error });
    }),
  );
}

function isEs256PublicKey(jwk: JWK | null): boolean {
  return (
    jwk?.kty === 'EC' &&
    jwk.crv === 'P-256' &&
    typeof jwk.kid === 'string' &&
    jwk.d === undefined &&
    (jwk.alg ?? 'ES256') === 'ES256' &&
    (jwk.use ?? 'sig') === 'sig'
  );
}
