import { Agent, type Dispatcher, Pool } from 'undici';
import type { Log } from '../telemetry/log.ts';
import { guardedConnector, type Resolve, resolveBySystem } from './connector.ts';
import { type Outbound, OutboundError, type OutboundRequest, type OutboundResponse } from './port.ts';
import { decoded, readBounded, toOutboundError } from './response.ts';
import { checkUrl } from './url.ts';
import { type ResolveTxt, resolveTxtBySystem, textRecords } from './txt.ts';

export interface OutboundOptions {
  readonly log: Log;
  /** Lets private, loopback and other special addresses, and plain http, through. */
  readonly allowPrivateNetwork: boolean;
  readonly resolve?: Resolve;
  readonly resolveTxt?: ResolveTxt;
}

const connectTimeoutMs = 5000;
const maxPools = 2000;
const connectionsPerOrigin = 128;
const documentsIdleMs = 1000;
const poolIdleMs = 10_000;
const defaultMaxBytes = 1024 * 1024;
const defaultTimeoutMs = 5000;

export function createOutbound(options: OutboundOptions): Outbound {
  const connect = guardedConnector({
    allowPrivateNetwork: options.allowPrivateNetwork,
    resolve: options.resolve ?? resolveBySystem,
    timeoutMs: connectTimeoutMs,
  });
  const documents = new Agent({
    connect,
    connections: 8,
    maxHeaderSize: 16 * 1024,
    // A server may ask for a long idle life; a thousand host names of one owner would then hold every place for others' keys.
    keepAliveTimeout: documentsIdleMs,
    keepAliveMaxTimeout: documentsIdleMs,
    maxOrigins: 1000,
  });
  const pools = new Map<string, Pool>();

  return {
    async fetch(request: OutboundRequest): Promise<OutboundResponse> {
      const url = checkUrl(request.url, options.allowPrivateNetwork);
      const timeout = AbortSignal.timeout(request.timeoutMs ?? defaultTimeoutMs);
      try {
        const response = await documents.request({
          origin: url.origin,
          path: `${url.pathname}${url.search}`,
          method: request.method ?? 'GET',
          headers: {
            accept: 'application/json',
            'accept-encoding': 'identity',
            'user-agent': 'a2a-federation-broker',
            ...request.headers,
          },
          body: request.body ?? null,
          signal: timeout,
        });
        if (response.statusCode >= 300 && response.statusCode < 400) {
          response.body.on('error', ignoreAbort).destroy();
          throw new OutboundError(
            'redirect_refused',
            'the server answered with a redirect, which is not followed',
          );
        }
        const content = decoded(response.body, response.headers['content-encoding']);
        const body = await readBounded(content, request.maxBytes ?? defaultMaxBytes);
        return { status: response.statusCode, headers: singleHeaders(response.headers), body };
      } catch (error) {
        throw toOutboundError(error);
      }
    },

    pool(origin: string): Dispatcher {
      const known = pools.get(origin);
      if (known !== undefined) {
        // Moves it to the young end, so that the oldest unused one is dropped first.
        pools.delete(origin);
        pools.set(origin, known);
        return known;
      }
      const url = checkUrl(origin, options.allowPrivateNetwork);
      // No body or header time-out here: a blocking call may last minutes, and its caller has its own clock.
      const made = new Pool(url.origin, {
        connect,
        connections: connectionsPerOrigin,
        pipelining: 1,
        headersTimeout: 0,
        bodyTimeout: 0,
        keepAliveTimeout: poolIdleMs,
        keepAliveMaxTimeout: 6 * poolIdleMs,
        maxHeaderSize: 32 * 1024,
      });
      pools.set(origin, made);
      if (pools.size > maxPools) evictOldest(pools, options.log);
      return made;
    },

    resolveTxt: (name) => textRecords(options.resolveTxt ?? resolveTxtBySystem, name),

    async close() {
      await Promise.all([documents.destroy(), ...[...pools.values()].map((pool) => pool.destroy())]);
      pools.clear();
    },
  };
}

/** Destroying a body that nobody reads any more reports the abort as an error; it is what we wanted. */
function ignoreAbort(): void {}

function evictOldest(pools: Map<string, Pool>, log: Log): void {
  const oldest = pools.entries().next().value;
  if (oldest === undefined) return;
  const [origin, pool] = oldest;
  pools.delete(origin);
  // Graceful: calls that run on it finish.
  pool
    .close()
    .catch((error: unknown) => log.warn({ err: error, origin }, 'closing an unused connection pool failed'));
}

function singleHeaders(
  headers: Readonly<Record<string, string | string[] | undefined>>,
): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, Array.isArray(value) ? value.join(', ') : value]],
    ),
  );
}
