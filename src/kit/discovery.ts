import { BrokerError } from './broker-error.ts';
import { type Fetch, fetchJson } from './fetch-json.ts';

export interface BrokerMetadata {
  readonly tokenEndpoint: string;
  readonly jwksUri: string;
}

const freshMs = 10 * 60_000;

/**
 * Reads the broker's authorization server metadata (RFC 8414 §3). The `issuer` in it must be the configured broker to the
 * letter (§3.3), or a wrong address would let somebody else's keys vouch for tokens. Concurrent readers share one request; while
 * the broker cannot be reached the last answer stays in use. The reader throws {@link BrokerError}.
 */
export function createDiscovery(deps: {
  readonly broker: string;
  readonly fetch: Fetch;
  readonly now: () => number;
}): () => Promise<BrokerMetadata> {
  let known: { readonly metadata: BrokerMetadata; readonly at: number } | undefined;
  let running: Promise<BrokerMetadata> | undefined;

  async function load(): Promise<BrokerMetadata> {
    try {
      const metadata = await readMetadata(deps.broker, deps.fetch);
      known = { metadata, at: deps.now() };
      return metadata;
    } catch (error) {
      if (known !== undefined && error instanceof BrokerError && error.isTransient) return known.metadata;
      throw error;
    } finally {
      running = undefined;
    }
  }

  return () => {
    if (known !== undefined && deps.now() - known.at < freshMs) return Promise.resolve(known.metadata);
    running ??= load();
    return running;
  };
}

async function readMetadata(broker: string, fetch: Fetch): Promise<BrokerMetadata> {
  const { origin, pathname } = new URL(broker);
  const url = `${origin}/.well-known/oauth-authorization-server${pathname === '/' ? '' : pathname}`;
  const answer = await fetchJson(fetch, url);
  if (answer.status === 429 || answer.status >= 500)
    throw new BrokerError('temporarily_unavailable', `${url} answered ${answer.status}.`, answer);
  const body = (typeof answer.body === 'object' ? answer.body : undefined) as
    | Record<string, unknown>
    | null
    | undefined;
  const [issuer, tokenEndpoint, jwksUri] = [body?.['issuer'], body?.['token_endpoint'], body?.['jwks_uri']];
  if (answer.status !== 200 || typeof tokenEndpoint !== 'string' || typeof jwksUri !== 'string')
    throw new BrokerError('answer_invalid', `${url} answered ${answer.status} without usable metadata.`);
  if (issuer !== broker)
    throw new BrokerError(
      'answer_invalid',
      `The broker is configured as "${broker}", but calls itself "${String(issuer).slice(0, 200)}". They must be equal to the letter.`,
    );
  return { tokenEndpoint, jwksUri };
}
