import { createHash } from 'node:crypto';
import { BoundedCache } from './bounded-cache.ts';
import { BrokerError, refusalOf } from './broker-error.ts';
import { type ClientKey, createAssertionSigner } from './client-assertion.ts';
import type { DpopKey } from './dpop.ts';
import { createDiscovery } from './discovery.ts';
import { type Fetch, fetchJson, type JsonAnswer } from './fetch-json.ts';

export interface BrokerClientOptions extends ClientKey {
  /** The broker's issuer, exactly: an origin such as `https://broker.example.com`. */
  readonly broker: string;
  readonly clientId: string;
  /** Its tokens are bound to this key (RFC 9449), and of use only to whoever holds it. */
  readonly dpop?: DpopKey | undefined;
  readonly fetch?: Fetch;
  /** Epoch milliseconds. */
  readonly now?: () => number;
}

export type SubjectTokenType = 'access_token' | 'id_token' | 'jwt';

export interface ExchangeRequest {
  /** The token that this client holds: of the tenant's own issuer, or one that its agent was called with. */
  readonly subjectToken: string;
  readonly subjectTokenType: SubjectTokenType;
  /** A token of the provider's own issuer about this very client, for the broker. */
  readonly actorToken?: string | undefined;
  /** Default `access_token`. */
  readonly actorTokenType?: SubjectTokenType | undefined;
  /** `provider/agent`, called through the gateway. Give `agent`, `resource`, or both when they mean the same. */
  readonly agent?: string | undefined;
  /** A brokered address, or a deployment's own resource for a direct call (RFC 8707). */
  readonly resource?: string | undefined;
  /** Absent: all that is allowed. */
  readonly scope?: readonly string[] | undefined;
}

/** An assertion that was made for the broker: an ID-JAG, or the grant of identity chaining (RFC 7523 §2.1). */
export interface RedeemRequest extends Pick<ExchangeRequest, 'agent' | 'resource' | 'scope'> {
  readonly assertion: string;
}

/** Good once, at the authorization server of the agent's provider, by `grant_type=…:jwt-bearer`. */
export interface IdJag {
  readonly assertion: string;
  /** Epoch seconds. */
  readonly expiresAt: number;
  readonly scope: readonly string[];
}

export interface BrokerToken {
  readonly accessToken: string;
  /** The scheme under which it is sent; `DPoP` with a proof for each request. */
  readonly tokenType: 'Bearer' | 'DPoP';
  /** Epoch seconds. */
  readonly expiresAt: number;
  /** What was granted; may be less than asked for. */
  readonly scope: readonly string[];
}

export interface BrokerClient {
  readonly broker: string;
  readonly clientId: string;
  /** The key to which its tokens are bound. */
  readonly dpop?: DpopKey | undefined;
  /** RFC 8693. Throws {@link BrokerError}. */
  exchange(request: ExchangeRequest): Promise<BrokerToken>;
  /**
   * The same, for a deployment whose provider has an authorization server of its own: `resource` names the deployment. Asked
   * for each time. Throws {@link BrokerError}.
   */
  exchangeForIdJag(request: ExchangeRequest): Promise<IdJag>;
  /** RFC 7523 §2.1: an assertion works once, so its token is cached by nobody. Throws {@link BrokerError}. */
  redeem(request: RedeemRequest): Promise<BrokerToken>;
  /** RFC 6749 §4.4, for the management API. Without `scope`: all that the client may do. Throws {@link BrokerError}. */
  clientCredentials(scope?: readonly string[]): Promise<BrokerToken>;
  /** A token that was refused is not given out again. */
  forget(accessToken: string): void;
}

const maxCached = 10_000;
const tokenTypePrefix = 'urn:ietf:params:oauth:token-type:';

/**
 * Gets tokens as one OAuth client. Tokens are cached, by everything that was asked, until shortly before they expire; equal
 * requests at the same time share one.
 */
export function createBrokerClient(options: BrokerClientOptions): BrokerClient {
  const { broker, clientId, dpop } = options;
  /** Of the answer: a token that is not bound would be a step back that nobody sees. */
  const tokenType = dpop === undefined ? 'Bearer' : 'DPoP';
  const fetch: Fetch = options.fetch ?? ((url, init) => globalThis.fetch(url, init));
  const now = options.now ?? Date.now;
  const metadata = createDiscovery({ broker, fetch, now });
  const assertion = createAssertionSigner(options, now);
  const cache = new BoundedCache<{ token: Promise<BrokerToken>; useUntil: number }>(maxCached);
  /** Access token (digest) → where it is cached. */
  const keys = new BoundedCache<string>(maxCached);

  async function send(url: string, parameters: Readonly<Record<string, string>>): Promise<JsonAnswer> {
    const proof = await dpop?.proof({ method: 'POST', url });
    return fetchJson(fetch, url, {
      method: 'POST',
      ...(proof === undefined ? {} : { headers: { DPoP: proof } }),
      body: new URLSearchParams({
        ...parameters,
        client_id: clientId,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertion(),
      }),
    });
  }

  async function request(
    parameters: Readonly<Record<string, string>>,
    expected: 'Bearer' | 'DPoP' | 'N_A' = tokenType,
  ): Promise<Omit<BrokerToken, 'tokenType'>> {
    const { tokenEndpoint } = await metadata();
    const startedAt = now();
    let answer = await send(tokenEndpoint, parameters);
    const isNew = dpop?.learn(tokenEndpoint, answer.dpopNonce) === true;
    if (isNew && asksForNonce(answer)) {
      answer = await send(tokenEndpoint, parameters);
      dpop?.learn(tokenEndpoint, answer.dpopNonce);
    }
    if (answer.status !== 200) throw refusalOf(answer.status, answer.body, answer.retryAfterSeconds);
    return readToken(answer, startedAt, expected);
  }

  async function requestToken(parameters: Readonly<Record<string, string>>): Promise<BrokerToken> {
    const { accessToken, ...rest } = await request(parameters);
    return { accessToken, tokenType, ...rest };
  }

  function cached(parameters: Readonly<Record<string, string>>): Promise<BrokerToken> {
    const key = digest(JSON.stringify(Object.entries(parameters)));
    const hit = cache.get(key);
    if (hit !== undefined && hit.useUntil > now()) return hit.token;
    const entry = { token: requestToken(parameters), useUntil: Infinity };
    cache.set(key, entry);
    entry.token.then(
      (token) => {
        const expiresAt = token.expiresAt * 1000;
        // Calls take time too: a token is not started with in its last moments.
        entry.useUntil = expiresAt - Math.min(30_000, (expiresAt - now()) / 5);
        keys.set(digest(token.accessToken), key);
      },
      () => cache.deleteIf(key, entry),
    );
    return entry.token;
  }

  return {
    broker,
    clientId,
    dpop,
    // Async, so that what is wrong with the request is a rejection like everything else.
    exchange: async (request) => cached(exchangeParameters(request)),
    exchangeForIdJag: async (asked) => {
      const parameters = { ...exchangeParameters(asked), requested_token_type: `${tokenTypePrefix}id-jag` };
      const { accessToken: assertion, ...rest } = await request(parameters, 'N_A');
      return { assertion, ...rest };
    },
    redeem: async ({ assertion, ...asked }) =>
      requestToken({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion,
        ...targetParameters(asked),
        ...scopeParameter(asked.scope),
      }),
    clientCredentials: async (scope) =>
      cached({ grant_type: 'client_credentials', ...scopeParameter(scope) }),
    forget: (accessToken) => {
      const key = keys.get(digest(accessToken));
      const entry = key === undefined ? undefined : cache.get(key);
      if (key !== undefined && entry !== undefined) cache.deleteIf(key, entry);
    },
  };
}

function exchangeParameters(request: ExchangeRequest): Readonly<Record<string, string>> {
  if (request.agent === undefined && request.resource === undefined)
    throw new BrokerError(
      'invalid_request',
      'exchange() needs `agent` or `resource`: which agent the token is for.',
    );
  return {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    subject_token: request.subjectToken,
    subject_token_type: tokenTypePrefix + request.subjectTokenType,
    ...(request.actorToken === undefined
      ? {}
      : {
          actor_token: request.actorToken,
          actor_token_type: tokenTypePrefix + (request.actorTokenType ?? 'access_token'),
        }),
    ...targetParameters(request),
    ...scopeParameter(request.scope),
  };
}

function targetParameters({
  agent,
  resource,
}: Pick<ExchangeRequest, 'agent' | 'resource'>): Readonly<Record<string, string>> {
  return {
    ...(agent === undefined ? {} : { audience: agent }),
    ...(resource === undefined ? {} : { resource }),
  };
}

function scopeParameter(scope: readonly string[] | undefined): Readonly<Record<string, string>> {
  if (scope === undefined) return {};
  if (scope.length === 0)
    throw new BrokerError('invalid_scope', 'An empty scope asks for nothing: leave it out instead.');
  return { scope: [...new Set(scope)].toSorted().join(' ') };
}

/** Whether a nonce is all that the proof lacked (RFC 9449 §8): nothing has been used up. */
function asksForNonce({ status, body }: JsonAnswer): boolean {
  return status === 400 && refusalOf(status, body, undefined).code === 'use_dpop_nonce';
}

function readToken(
  { body }: JsonAnswer,
  startedAt: number,
  expected: 'Bearer' | 'DPoP' | 'N_A',
): Omit<BrokerToken, 'tokenType'> {
  const fields = typeof body === 'object' && body !== null ? (body as Record<string, unknown>) : {};
  const { access_token: accessToken, expires_in: expiresIn, token_type: type, scope } = fields;
  if (
    typeof accessToken !== 'string' ||
    typeof expiresIn !== 'number' ||
    typeof type !== 'string' ||
    type.toLowerCase() !== expected.toLowerCase()
  )
    throw new BrokerError(
      'answer_invalid',
      expected === 'N_A'
        ? 'The token endpoint answered 200 without an ID-JAG.'
        : `The token endpoint answered 200 without a usable ${expected} token.`,
    );
  return {
    accessToken,
    expiresAt: Math.floor(startedAt / 1000) + expiresIn,
    scope: typeof scope === 'string' ? scope.split(' ').filter((name) => name !== '') : [],
  };
}

/** Tokens are not kept as keys of long-lived maps. */
function digest(text: string): string {
  return createHash('sha256').update(text).digest('base64url');
}
