import { auditActor } from '../audit/index.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { Fault } from '../kernel/fault.ts';
import { partyId, partyKind, type Principal } from '../kernel/principal.ts';
import type { Write } from '../storage/port.ts';
import type { TrustContext } from './deps.ts';
import type { TrustErrorCode } from './errors.ts';
import type { Client } from './model.ts';
import { requireParty, requireUsableKeys } from './register-issuer.ts';

export type NewClient = Pick<Client, 'name' | 'owner' | 'grantTypes' | 'scopes'> &
  Partial<
    Pick<
      Client,
      'id' | 'agent' | 'jwks' | 'jwksUri' | 'callScopes' | 'issuerClientIds' | 'dpopBoundAccessTokens'
    >
  >;

/** Actors of the audit log that are no clients. */
const reserved = ['operator', 'schedule'];

/** Throws `invalid_request` (a reserved id), `unknown_party`, `wrong_owner` (agent), `keys_unusable`, `client_exists`. */
export async function registerClient(
  context: TrustContext,
  input: NewClient,
  by: Principal,
): Promise<Client> {
  if (input.id !== undefined && reserved.includes(input.id))
    throw new Fault('invalid_request', `A client cannot be called ${input.id}.`);
  await requireParty(context, input.owner);
  if (input.agent !== undefined) await requireOwnAgent(context, input.owner, input.agent);
  await requireUsableKeys(context, input);
  const client: Client = {
    issuerClientIds: {},
    ...input,
    id: input.id ?? context.ids.next('cli'),
    status: 'active',
    createdAt: context.clock.now(),
  };
  const commit = await context.repository.commit([
    ...context.repository.insertClient(client),
    ...context.audit.writes({
      action: 'client.register',
      outcome: 'allowed',
      actor: auditActor(by),
      client: client.id,
      [partyKind(client.owner)]: partyId(client.owner),
      detail: {
        scopes: client.scopes,
        agent: client.agent ?? null,
        ...boundOf(client),
      },
    }),
    ...(await context.events.writes('client.registered.v1', {
      client: client.id,
      owner: client.owner,
      agent: client.agent,
    })),
  ]);
  if (!commit.ok) throw new Fault<TrustErrorCode>('client_exists', `There is a client ${client.id} already.`);
  return client;
}

async function requireOwnAgent(context: TrustContext, owner: Client['owner'], agent: string): Promise<void> {
  const found =
    owner === `provider:${agent.slice(0, agent.indexOf('/'))}`
      ? await context.registry.callableAgent(agent)
      : undefined;
  if (found === undefined)
    throw new Fault<TrustErrorCode>('wrong_owner', `${agent} is not an agent of ${partyId(owner)}.`);
}

export interface ClientChange {
  readonly status?: Client['status'] | undefined;
  readonly name?: string | undefined;
  /** Instead of those before. */
  readonly issuerClientIds?: Client['issuerClientIds'] | undefined;
  readonly dpopBoundAccessTokens?: boolean | undefined;
}

/** A disabled client is refused at once, and so are live tokens that it obtained. Throws `not_found`, `precondition_failed`, `conflict`. */
export async function changeClient(
  context: TrustContext,
  id: string,
  change: ClientChange,
  update: { readonly by: Principal; readonly version?: string | undefined },
): Promise<{ client: Client; version: string }> {
  const record = await context.repository.client(id);
  if (record === undefined) throw new Fault('not_found', `There is no client ${id}.`);
  if (update.version !== undefined && update.version !== record.version)
    throw new Fault('precondition_failed', 'The client has changed since it was read.');
  const client: Client = {
    ...record.value,
    ...(change.status === undefined ? {} : { status: change.status }),
    ...(change.name === undefined ? {} : { name: change.name }),
    ...(change.issuerClientIds === undefined ? {} : { issuerClientIds: change.issuerClientIds }),
    ...(change.dpopBoundAccessTokens === undefined
      ? {}
      : { dpopBoundAccessTokens: change.dpopBoundAccessTokens }),
  };
  const commit = await context.repository.commit([
    context.repository.replaceClient(client, record.version),
    ...context.audit.writes({
      action: 'client.update',
      outcome: 'allowed',
      actor: auditActor(update.by),
      client: id,
      [partyKind(client.owner)]: partyId(client.owner),
      detail: { status: client.status, issuerClientIds: client.issuerClientIds, ...boundOf(client) },
    }),
    ...(await report(context, record.value, client)),
  ]);
  if (!commit.ok)
    throw new Fault('conflict', 'The client was changed by somebody else at the same time. Read it again.');
  return { client, version: commit.version };
}

function boundOf({ dpopBoundAccessTokens }: Client) {
  return dpopBoundAccessTokens === undefined ? {} : { dpopBoundAccessTokens };
}

/** What has changed is an event; a request that changed nothing is none. */
async function report(
  { events }: TrustContext,
  before: Client,
  { id, owner, status, name, issuerClientIds, dpopBoundAccessTokens = false }: Client,
): Promise<readonly Write[]> {
  const facts = { client: id, owner };
  if (status !== before.status)
    return events.writes(status === 'active' ? 'client.enabled.v1' : 'client.disabled.v1', facts);
  const isSame =
    name === before.name &&
    dpopBoundAccessTokens === (before.dpopBoundAccessTokens ?? false) &&
    canonicalJson(issuerClientIds) === canonicalJson(before.issuerClientIds);
  return isSame ? [] : events.writes('client.changed.v1', facts);
}
