import { BoundedCache } from '../kernel/bounded-cache.ts';
import { isJsonObject, type JsonObject, parseJson } from '../kernel/json.ts';
import { OutboundError, type OutboundRequest } from '../outbound/port.ts';
import type { TrustContext } from './deps.ts';
import { metadataUrls } from './issuer-challenge.ts';
import { grantTypes } from './model.ts';
import { UpstreamTokenError } from './upstream-token-error.ts';

const freshMs = 10 * 60_000;
/** A server that is down is not asked by every call. */
const restMs = 2_000;
const maxServers = 1_000;
const maxBytes = 64 * 1024;
const timeoutMs = 5_000;
/** RFC 6750 §2.1, bounded: it goes into a header. */
const tokenPattern = /^[A-Za-z0-9._~+/-]{1,8192}={0,2}$/;

export interface RedeemedToken {
  readonly token: string;
  /** How long it is good, in seconds; at most 300 are believed when the server says nothing. */
  readonly expiresIn: number;
}

interface Known {
  readonly tokenEndpoint: Promise<string>;
  readonly fetchedAt: number;
}

/**
 * Providers' own authorization servers, as the gateway needs them: where their token endpoint is (RFC 8414, OpenID Connect
 * Discovery), and an access token for an ID-JAG (RFC 7523 §2.1). All of it through `outbound`, bounded in size and time.
 * Throws {@link UpstreamTokenError}.
 */
export function createAuthorizationServers(deps: Pick<TrustContext, 'outbound' | 'clock'>) {
  const known = new BoundedCache<Known>(maxServers);
  /** Issuer → what was wrong lately. */
  const failed = new BoundedCache<{ readonly error: UpstreamTokenError; readonly until: number }>(maxServers);

  /** Asked for once, by however many calls at a time. */
  function tokenEndpoint(issuer: string): Promise<string> {
    const found = known.get(issuer);
    if (found !== undefined && found.fetchedAt + freshMs > deps.clock.now()) return found.tokenEndpoint;
    const made = { tokenEndpoint: discover(issuer), fetchedAt: deps.clock.now() };
    known.set(issuer, made);
    made.tokenEndpoint.catch(() => known.delete(issuer));
    return made.tokenEndpoint;
  }

  /** The first document that is there counts, and has to name the issuer to the letter (RFC 8414 §3.3). */
  async function discover(issuer: string): Promise<string> {
    for (const url of metadataUrls(issuer)) {
      const { status, body } = await send({ url });
      if (status !== 200) continue;
      const endpoint = body['issuer'] === issuer ? body['token_endpoint'] : undefined;
      if (typeof endpoint !== 'string' || endpoint.length > 2048)
        throw new UpstreamTokenError('UPSTREAM_REFUSED', { problem: 'server_metadata_unusable' });
      return endpoint;
    }
    throw new UpstreamTokenError('UPSTREAM_UNREACHABLE', { problem: 'server_metadata_missing' });
  }

  async function send(request: OutboundRequest): Promise<{ status: number; body: JsonObject }> {
    try {
      const { status, body } = await deps.outbound.fetch({ maxBytes, timeoutMs, ...request });
      const parsed = parseJson(body);
      return { status, body: isJsonObject(parsed) ? parsed : {} };
    } catch (error) {
      if (!(error instanceof OutboundError)) throw error;
      const reason = error.code === 'timeout' ? 'UPSTREAM_TIMEOUT' : 'UPSTREAM_UNREACHABLE';
      throw new UpstreamTokenError(reason, { problem: 'server_unreachable', error: error.code }, error);
    }
  }

  async function redeem(endpoint: string, form: Readonly<Record<string, string>>): Promise<RedeemedToken> {
    const { status, body } = await send({
      url: endpoint,
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', accept: 'application/json' },
      body: new URLSearchParams({
        grant_type: grantTypes.jwtBearer,
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        ...form,
      }).toString(),
    });
    const { access_token: token, token_type: type, expires_in: expiresIn = 300 } = body;
    const isUsable =
      status === 200 &&
      typeof token === 'string' &&
      tokenPattern.test(token) &&
      typeof type === 'string' &&
      type.toLowerCase() === 'bearer' &&
      typeof expiresIn === 'number' &&
      expiresIn > 0;
    if (!isUsable) throw new UpstreamTokenError('UPSTREAM_REFUSED', { problem: 'server_refused', status });
    return { token, expiresIn };
  }

  /** While a server has just failed, it is not asked again. */
  async function asked<T>(issuer: string, work: () => Promise<T>): Promise<T> {
    const before = failed.get(issuer);
    if (before !== undefined && before.until > deps.clock.now()) throw before.error;
    try {
      return await work();
    } catch (error) {
      // That it refuses one caller says nothing of the next.
      if (error instanceof UpstreamTokenError && error.reason !== 'UPSTREAM_REFUSED')
        failed.set(issuer, { error, until: deps.clock.now() + restMs });
      throw error;
    }
  }

  return {
    tokenEndpoint: (issuer: string) => asked(issuer, () => tokenEndpoint(issuer)),
    redeem: (
      issuer: string,
      endpoint: string,
      form: { readonly assertion: string; readonly client_assertion: string },
    ) => asked(issuer, () => redeem(endpoint, form)),
  };
}
