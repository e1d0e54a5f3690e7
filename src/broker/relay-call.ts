import type { IncomingMessage, ServerResponse } from 'node:http';
import { readAuthorization } from '../kernel/authorization.ts';
import { chooseDeployment, type Deployment } from '../registry/index.ts';
import {
  type CallContext,
  type Possession,
  type Standing,
  type UpstreamToken,
  UpstreamTokenError,
} from '../trust/index.ts';
import type { Call, Caller, RequestId } from './call.ts';
import type { GatewayContext } from './deps.ts';
import type { Method } from './methods.ts';
import type { OwnedId, Owner } from './ownership.ts';
import { readBody } from './read-body.ts';
import { readRequest, type RpcRequest } from './read-request.ts';
import { Refusal } from './refusals.ts';
import { activatedExtensions, relayStream } from './relay-stream.ts';
import { relayWhole } from './relay-unary.ts';
import { callUpstream } from './upstream.ts';

/**
 * What happens to a call, in order. Throws {@link Refusal}; `id` and `note` learn on the way what a refusal's answer and its
 * audit entry need.
 */
export async function relayCall(
  context: GatewayContext,
  exchange: { readonly request: IncomingMessage; readonly response: ServerResponse; readonly domain: string },
  target: Pick<Caller, 'agentId' | 'requestId'>,
  id: RequestId,
  note: (caller: CallContext) => void,
): Promise<void> {
  const startedAt = context.clock.now();
  const caller = { ...target, context: await authenticate(context, exchange.request, target.agentId) };
  note(caller.context);
  requireVersion(exchange.request);
  const body = await readBody(exchange.request);
  const request = readRequest(body, (value) => (id.value = value));
  requireScope(caller.context, request.method);
  const standing = await requireStanding(context, caller.context);
  const home = await requireOwnership(context, caller, standing, request);
  const deployment = chooseWhere(context, standing, home);
  await claimContext(context, caller, standing, request, deployment);
  const upstream = await upstreamToken(context, caller, standing, deployment);
  const call: Call = {
    ...caller,
    callId: context.ids.next('call'),
    request,
    standing,
    deployment,
    upstream,
    body: request.bodyFor(deployment.upstreamTenant),
    bytesIn: body.length,
    startedAt,
  };
  await forward(context, call, exchange);
}

async function authenticate(
  context: GatewayContext,
  request: IncomingMessage,
  agentId: string,
): Promise<CallContext> {
  const credentials = readAuthorization(request.headers.authorization ?? '');
  if (credentials === undefined)
    throw new Refusal('UNAUTHENTICATED', { detail: { problem: 'token_missing' } });
  const { scheme, token } = credentials;
  const verified = await context.trust.verifyCallToken(
    token,
    agentId,
    scheme === 'dpop' ? possessionIn(context, request) : undefined,
  );
  if (!verified.ok) throw new Refusal('UNAUTHENTICATED', { detail: { problem: verified.error } });
  return verified.value;
}

/** What a proof must be about: this request at our own address, whatever `Host` says. */
function possessionIn({ brokerUrl }: GatewayContext, { method, url, headers }: IncomingMessage): Possession {
  const [path = ''] = (url ?? '').split('?', 1);
  // Of two headers node makes one value with a comma.
  return { proof: headers['dpop']?.toString(), method: method ?? '', uri: brokerUrl + path };
}

/** A2A v1.0 §3.6.2: without the header a client speaks 0.3, which this card does not offer. */
function requireVersion(request: IncomingMessage): void {
  const asked =
    request.headers['a2a-version'] ??
    new URL(request.url ?? '/', 'http://broker.invalid').searchParams.get('A2A-Version');
  if (typeof asked !== 'string' || !/^1\.0(?:\.\d{1,4})?$/.test(asked.trim()))
    throw new Refusal('VERSION_NOT_SUPPORTED');
}

function requireScope({ delegation }: CallContext, method: Method): void {
  if (!method.scopes.some((scope) => delegation.scope.includes(scope)))
    throw new Refusal('INSUFFICIENT_SCOPE', { detail: { needs: [...method.scopes] } });
}

async function requireStanding(context: GatewayContext, caller: CallContext): Promise<Standing> {
  const standing = await context.trust.checkStanding(caller);
  if (!standing.ok) throw new Refusal(standing.error);
  return standing.value;
}

/**
 * Every id that the request names is the caller's tenant's, or the task is not found; whether it exists for others stays
 * unsaid. A context may be new: clients may choose its id. Answers where the task is.
 */
async function requireOwnership(
  context: GatewayContext,
  caller: Caller,
  standing: Standing,
  request: RpcRequest,
): Promise<Owner | undefined> {
  const tasks = [...(request.taskId === undefined ? [] : [request.taskId]), ...request.referenceTaskIds].map(
    (id) => ({ kind: 'task', id }) satisfies OwnedId,
  );
  const contexts =
    request.contextId === undefined ? [] : [{ kind: 'context', id: request.contextId } satisfies OwnedId];
  if (tasks.length + contexts.length === 0) return undefined;
  const owners = await context.ownership.find(caller.agentId, [...tasks, ...contexts]);
  const foreign = owners.some((owner) => owner !== undefined && owner.tenant !== standing.tenant.id);
  const unknown = owners.slice(0, tasks.length).some((owner) => owner === undefined);
  if (foreign || unknown) throw new Refusal('TASK_NOT_FOUND', { detail: { foreign } });
  return request.taskId === undefined ? undefined : owners[0];
}

function chooseWhere(context: GatewayContext, standing: Standing, home: Owner | undefined): Deployment {
  const chosen = chooseDeployment(standing.agent, standing.tenant, {
    random: context.random(),
    ...(home === undefined ? {} : { pinned: home.deployment }),
  });
  if (!chosen.ok) throw new Refusal(chosen.error);
  return chosen.value;
}

/** A context id that the client chose is its tenant's before the agent hears of it, so that of two tenants one gets it. */
async function claimContext(
  context: GatewayContext,
  caller: Caller,
  standing: Standing,
  { contextId }: RpcRequest,
  deployment: Deployment,
): Promise<void> {
  if (contextId === undefined) return;
  const id = { kind: 'context', id: contextId } as const;
  const [owner] = await context.ownership.find(caller.agentId, [id]);
  if (owner !== undefined) return;
  const claim = context.ownership.claim(caller.agentId, id, standing.tenant.id, deployment.id);
  const commit = await context.store.commit([claim]);
  if (commit.ok) context.ownership.remember(caller.agentId, id, standing.tenant.id, deployment.id);
  else {
    const [winner] = await context.ownership.find(caller.agentId, [id]);
    if (winner?.tenant !== standing.tenant.id)
      throw new Refusal('TASK_NOT_FOUND', { detail: { foreign: true } });
  }
}

/** What the agent is shown: a token of ours, or of its provider's own authorization server. */
async function upstreamToken(
  context: GatewayContext,
  caller: Caller,
  standing: Standing,
  deployment: Deployment,
): Promise<UpstreamToken> {
  try {
    return await context.trust.upstreamToken(caller.context, standing, deployment);
  } catch (error) {
    if (!(error instanceof UpstreamTokenError)) throw error;
    throw new Refusal(error.reason, { detail: error.detail, cause: error });
  }
}

async function forward(
  context: GatewayContext,
  call: Call,
  { request, response, domain }: Parameters<typeof relayCall>[1],
): Promise<void> {
  const url = new URL(call.deployment.url);
  const upstream = {
    url,
    headers: upstreamHeaders(request, call),
    body: call.body,
    streaming: call.request.method.streaming,
  };
  const answer = await callUpstream(poolFor(context, url), upstream, context.upstreamTimes);
  if (answer.kind === 'stream') {
    await relayStream(context, call, answer, response, domain);
    return;
  }
  const whole = await relayWhole(context, call, answer);
  if (response.destroyed) return;
  response.writeHead(whole.status, {
    'Content-Type': 'application/json',
    'Content-Length': whole.body.length,
    'Cache-Control': 'no-store',
    'X-Request-Id': call.requestId,
    ...activatedExtensions(answer),
  });
  response.end(whole.body);
}

function poolFor(context: GatewayContext, url: URL): ReturnType<GatewayContext['outbound']['pool']> {
  try {
    return context.outbound.pool(url.origin);
  } catch (error) {
    throw new Refusal('UPSTREAM_UNREACHABLE', { cause: error, detail: { error: String(error) } });
  }
}

/** A closed list: what the caller sends for us (credentials, cookies, forwarding headers) never reaches the agent. */
function upstreamHeaders(request: IncomingMessage, call: Call): Record<string, string> {
  const { headers } = request;
  const extensions = headers['a2a-extensions'] ?? headers['x-a2a-extensions'];
  const passed = {
    'a2a-extensions': Array.isArray(extensions) ? extensions.join(', ') : extensions,
    traceparent: headers['traceparent'],
    tracestate: headers['tracestate'],
  };
  return {
    'content-type': 'application/json',
    accept: call.request.method.streaming ? 'text/event-stream, application/json' : 'application/json',
    'a2a-version': call.deployment.protocolVersion,
    authorization: `Bearer ${call.upstream.token}`,
    'user-agent': 'a2a-federation-broker',
    'x-request-id': call.requestId,
    ...Object.fromEntries(
      Object.entries(passed).filter((entry): entry is [string, string] => typeof entry[1] === 'string'),
    ),
  };
}
