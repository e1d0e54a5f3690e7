import type { IncomingMessage, ServerResponse } from 'node:http';
import type { JsonObject } from '../kernel/json.ts';
import { StorageError } from '../storage/port.ts';
import type { CallContext } from '../trust/index.ts';
import type { RequestId } from './call.ts';
import type { GatewayDeps } from './deps.ts';
import { createOwnership } from './ownership.ts';
import { challengesFor, needsNonce, offerNonce } from './challenges.ts';
import { errorAnswer, Refusal, refusalKinds } from './refusals.ts';
import { relayCall } from './relay-call.ts';
import { upstreamTimes } from './upstream.ts';

export type { UpstreamTimes } from './upstream.ts';

/** Relays A2A calls. Works on node's own request and response: see docs/adr/0003-gateway-on-raw-node-http.md. */
export interface Gateway {
  /** Whether this request is a call to relay: `POST /a2a/{provider}/{agent}/jsonrpc`. */
  matches(method: string, url: string): boolean;
  handle(request: IncomingMessage, response: ServerResponse): void;
  /** Refuses new calls from now on; resolves when those that run are over and recorded, or after `timeoutMs`. */
  drain(timeoutMs: number): Promise<void>;
}

const path = /^\/a2a\/([a-z0-9._-]{1,64})\/([a-z0-9._-]{1,64})\/jsonrpc(?:\?|$)/;

export function createGateway(deps: GatewayDeps): Gateway {
  const context = {
    ...deps,
    ownership: createOwnership(deps),
    upstreamTimes: { ...upstreamTimes, ...deps.upstreamTimes },
  };
  const domain = new URL(deps.brokerUrl).host;
  const running = new Set<Promise<void>>();
  let isDraining = false;

  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [, provider = '', agent = ''] = path.exec(request.url ?? '') ?? [];
    const target = { agentId: `${provider}/${agent}`, requestId: deps.ids.next('req') };
    const id: RequestId = { value: null };
    let caller: CallContext | undefined;
    try {
      offerNonce(deps.trust.dpop, request, response);
      if (isDraining) throw new Refusal('BROKER_UNAVAILABLE', { detail: { why: 'stopping' } });
      await relayCall(context, { request, response, domain }, target, id, (known) => (caller = known));
    } catch (error) {
      const refusal = toRefusal(error);
      logRefusal(refusal, target, error);
      if (caller !== undefined) await recordRefusal(caller, refusal);
      answer(request, response, refusal, target, id);
    }
  }

  /** Refusals of callers that we know are decisions, and decisions are on record before they are told. */
  async function recordRefusal({ delegation }: CallContext, refusal: Refusal): Promise<void> {
    try {
      await deps.audit.record({
        action: 'call.relay',
        outcome: 'refused',
        reason: refusal.reason,
        client: delegation.clientId,
        actor: delegation.clientId,
        tenant: delegation.tenant,
        provider: delegation.provider,
        agent: delegation.agent,
        txn: delegation.txn,
        detail: { delegation: delegation.id },
        // A tenant reads its own audit: it must not learn there whose a task is, or where an agent runs.
        restricted: refusal.detail,
      });
    } catch (error) {
      // The caller is refused either way.
      deps.log.error({ err: error }, 'a refusal could not be recorded');
    }
  }

  function logRefusal(refusal: Refusal, target: JsonObject, error: unknown): void {
    const fields = { ...target, reason: refusal.reason, ...refusal.detail };
    if (refusal.reason === 'INTERNAL' || refusal.reason === 'BROKER_UNAVAILABLE')
      deps.log.error({ ...fields, err: error }, 'a call failed');
    else deps.log.debug(fields, 'a call was refused');
  }

  function answer(
    request: IncomingMessage,
    response: ServerResponse,
    refusal: Refusal,
    target: { readonly agentId: string; readonly requestId: string },
    id: RequestId,
  ): void {
    if (response.headersSent || response.destroyed) return;
    const { status } = refusalKinds[refusal.reason];
    const body = Buffer.from(JSON.stringify(errorAnswer(refusal, id.value, domain)));
    const challenges = challengesFor(
      refusal,
      request,
      `${deps.brokerUrl}/.well-known/oauth-protected-resource/a2a/${target.agentId}`,
    );
    response.writeHead(status, {
      'Content-Type': 'application/json',
      'Content-Length': body.length,
      'Cache-Control': 'no-store',
      'X-Request-Id': target.requestId,
      ...(challenges.length === 0 ? {} : { 'WWW-Authenticate': [...challenges] }),
      ...(needsNonce(refusal) ? { 'DPoP-Nonce': deps.trust.dpop.nonce() } : {}),
      ...(status === 503 ? { 'Retry-After': '1' } : {}),
    });
    response.end(body);
  }

  return {
    matches: (method, url) => method === 'POST' && path.test(url),
    handle(request, response) {
      response.on('error', () => response.destroy());
      const call = handle(request, response)
        .catch((error: unknown) => {
          deps.log.error({ err: error }, 'a call could not be answered');
          response.destroy();
        })
        .finally(() => running.delete(call));
      running.add(call);
    },
    async drain(timeoutMs) {
      isDraining = true;
      let timer: NodeJS.Timeout | undefined;
      const timeout = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, timeoutMs);
      });
      await Promise.race([Promise.allSettled(running), timeout]);
      clearTimeout(timer);
    },
  };
}

function toRefusal(error: unknown): Refusal {
  if (error instanceof Refusal) return error;
  if (error instanceof StorageError && error.code === 'unavailable')
    return new Refusal('BROKER_UNAVAILABLE', { cause: error });
  return new Refusal('INTERNAL', { cause: error });
}
