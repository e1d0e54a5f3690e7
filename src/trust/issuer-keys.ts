import type { KeyObject } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { sha256 } from '../kernel/digest.ts';
import { parseJson } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { OutboundError, type Outbound } from '../outbound/port.ts';
import { BoundedCache } from '../kernel/bounded-cache.ts';
import { importKeys, type IssuerKey, type JsonWebKeySet, type KeySetProblem } from './key-set.ts';
import type { Algorithm } from './signature.ts';

/** Where an issuer's or client's public keys are: pinned, or at a URL. Exactly one is set. */
export interface KeySource {
  readonly jwks?: JsonWebKeySet;
  readonly jwksUri?: string;
}

export interface IssuerKeys {
  /**
   * The keys that may have signed: those with the id, or without an id every key that fits the algorithm. Empty: none.
   * Asks the issuer again at most once per {@link minRefreshMs} when an id is not known.
   */
  find(
    source: KeySource,
    algorithm: Algorithm,
    keyId: string | undefined,
  ): Promise<Result<readonly KeyObject[], KeySetProblem>>;
  /** Fetches and checks now: for registration. */
  check(source: KeySource): Promise<Result<number, KeySetProblem>>;
}

const maxBytes = 128 * 1024;
/** Keys are asked for again after this long. */
const freshMs = 10 * 60_000;
/** An issuer that is down keeps its last keys this long. */
const hardAgeMs = 24 * 3600_000;
/** Between two fetches from one address, whatever tokens say: a flood of unknown ids must not become a flood of fetches. */
const minRefreshMs = 5_000;
const maxCached = 10_000;

interface Cached {
  keys: readonly IssuerKey[] | undefined;
  fetchedAt: number;
  triedAt: number;
  problem: KeySetProblem | undefined;
  running: Promise<void> | undefined;
}

export function createIssuerKeys(deps: {
  readonly clock: Clock;
  readonly outbound: Pick<Outbound, 'fetch'>;
}): IssuerKeys {
  const cache = new BoundedCache<Cached>(maxCached);
  /** By content: a record read twice is two objects, and importing a key costs more than a look-up. */
  const pinned = new BoundedCache<Result<readonly IssuerKey[], KeySetProblem>>(maxCached);

  function entry(uri: string): Cached {
    const known = cache.get(uri);
    if (known !== undefined) return known;
    const made: Cached = {
      keys: undefined,
      fetchedAt: 0,
      triedAt: -Infinity,
      problem: undefined,
      running: undefined,
    };
    cache.set(uri, made);
    return made;
  }

  /** Coalesced, and at most once per {@link minRefreshMs}. */
  async function refresh(uri: string, cached: Cached): Promise<void> {
    if (cached.running !== undefined) return cached.running;
    if (deps.clock.now() - cached.triedAt < minRefreshMs) return;
    cached.triedAt = deps.clock.now();
    cached.running = fetchKeys(deps.outbound, uri)
      .then((result) => {
        if (result.ok) {
          cached.keys = result.value;
          cached.fetchedAt = deps.clock.now();
          cached.problem = undefined;
        } else cached.problem = result.error;
      })
      // Also after a failure that nobody foresaw: or the next one would wait for this one for ever.
      .finally(() => (cached.running = undefined));
    return cached.running;
  }

  async function fromUri(
    uri: string,
    keyId: string | undefined,
  ): Promise<Result<readonly IssuerKey[], KeySetProblem>> {
    const cached = entry(uri);
    const age = deps.clock.now() - cached.fetchedAt;
    const unknown = keyId !== undefined && cached.keys?.some((key) => key.keyId === keyId) !== true;
    // An issuer that did not answer when it was last asked is asked beside: its tokens wait for it once, not each time.
    const isSlow = cached.problem !== undefined && age <= hardAgeMs && !unknown;
    if (cached.keys === undefined || unknown || (age > freshMs && !isSlow)) await refresh(uri, cached);
    else if (age > freshMs) refresh(uri, cached).catch(() => undefined);
    if (cached.keys === undefined || deps.clock.now() - cached.fetchedAt > hardAgeMs)
      return err(cached.problem ?? 'keys_unreachable');
    return ok(cached.keys);
  }

  function fromPinned(jwks: JsonWebKeySet): Result<readonly IssuerKey[], KeySetProblem> {
    const content = sha256(JSON.stringify(jwks));
    const known = pinned.get(content);
    if (known !== undefined) return known;
    const made = importKeys(jwks);
    pinned.set(content, made);
    return made;
  }

  const load = (source: KeySource, keyId: string | undefined) =>
    source.jwks === undefined
      ? fromUri(source.jwksUri ?? '', keyId)
      : Promise.resolve(fromPinned(source.jwks));

  return {
    async find(source, algorithm, keyId) {
      const keys = await load(source, keyId);
      if (!keys.ok) return keys;
      return ok(
        keys.value
          .filter((candidate) => keyId === undefined || candidate.keyId === keyId)
          .filter(({ algorithms }) => algorithms.includes(algorithm))
          .map(({ key }) => key)
          // Without an id, each key costs a verification.
          .slice(0, keyId === undefined ? 4 : 2),
      );
    },
    async check(source) {
      const keys =
        source.jwks === undefined
          ? await fetchKeys(deps.outbound, source.jwksUri ?? '')
          : importKeys(source.jwks);
      return keys.ok ? ok(keys.value.length) : keys;
    },
  };
}

async function fetchKeys(
  outbound: Pick<Outbound, 'fetch'>,
  uri: string,
): Promise<Result<readonly IssuerKey[], KeySetProblem>> {
  try {
    const response = await outbound.fetch({ url: uri, maxBytes });
    return response.status === 200 ? importKeys(parseJson(response.body)) : err('keys_unreachable');
  } catch (error) {
    if (error instanceof OutboundError)
      return err(error.code === 'too_large' ? 'keys_unusable' : 'keys_unreachable');
    throw error;
  }
}
