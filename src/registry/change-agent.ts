import { type AuditEntry, auditActor } from '../audit/index.ts';
import type { EventType } from '../events/port.ts';
import { Fault } from '../kernel/fault.ts';
import type { StoredRecord, Write } from '../storage/port.ts';
import type { Update } from './admit-provider.ts';
import type { Agent, AgentStatus } from './agent.ts';
import { readCard } from './card.ts';
import type { RegistryContext } from './deps.ts';
import type { RegistryErrorCode } from './errors.ts';
import { fetchCard } from './fetch-card.ts';
import { factsOf } from './register-agent.ts';

export interface AgentVersion {
  readonly agent: Agent;
  readonly version: string;
}

/** From which states each step leads where. */
const steps = {
  publish: { from: ['draft', 'suspended'], to: 'published', event: 'agent.published.v1' },
  suspend: { from: ['draft', 'published'], to: 'suspended', event: 'agent.suspended.v1' },
  retire: { from: ['draft', 'published', 'suspended'], to: 'retired', event: 'agent.retired.v1' },
} as const satisfies Record<string, { from: readonly AgentStatus[]; to: AgentStatus; event: EventType }>;

export type AgentStep = keyof typeof steps;

/** Repeating a step that was taken changes nothing. Throws `not_found`, `wrong_state`, `precondition_failed`, `conflict`. */
export async function moveAgent(
  context: RegistryContext,
  id: string,
  step: AgentStep,
  reason: string | undefined,
  update: Update,
): Promise<AgentVersion> {
  const record = await requireUnchanged(context, id, update);
  const { from, to, event } = steps[step];
  if (record.value.status === to) return { agent: record.value, version: record.version };
  if (!(from as readonly AgentStatus[]).includes(record.value.status))
    throw new Fault<RegistryErrorCode>(
      'wrong_state',
      `An agent that is ${record.value.status} cannot be ${to}.`,
    );
  if (step === 'publish' && record.value.heldByOperator === true && update.by.kind !== 'operator')
    throw new Fault(
      'forbidden',
      'The operator has suspended this agent; only the operator can publish it again.',
    );
  const { statusReason: _, heldByOperator: __, ...kept } = record.value;
  const agent: Agent = {
    ...kept,
    status: to,
    ...(reason === undefined ? {} : { statusReason: reason }),
    ...(step === 'suspend' && update.by.kind === 'operator' ? { heldByOperator: true } : {}),
  };
  return saveAgent(
    context,
    record,
    agent,
    update,
    { action: `agent.${step}`, detail: { reason: reason ?? null } },
    await context.events.writes(event, { agent: id, provider: agent.provider }),
  );
}

/**
 * Reads the card again from where it was registered and adopts it as the current version. Deployments stay as they are.
 * Throws `not_found`, `precondition_failed`, `wrong_state` (registered inline, or retired), `card_unreachable`, `card_invalid`,
 * `conflict`.
 */
export async function refreshAgent(
  context: RegistryContext,
  id: string,
  update: Update,
): Promise<AgentVersion> {
  const record = await requireUnchanged(context, id, update);
  requireNotRetired(record.value);
  if (record.value.cardUrl === undefined)
    throw new Fault<RegistryErrorCode>(
      'wrong_state',
      'The card was given inline; there is no address to read it again from.',
    );
  const original = await fetchCard(context, record.value.cardUrl);
  const card = readCard(original);
  if (card.digest === record.value.cardDigest) return { agent: record.value, version: record.version };
  const agent: Agent = { ...record.value, ...factsOf(card) };
  return saveAgent(
    context,
    record,
    agent,
    update,
    { action: 'agent.refresh', detail: { card: card.digest } },
    [
      context.repository.putCard(id, { digest: card.digest, original, createdAt: context.clock.now() }),
      ...(await context.events.writes('agent.version-adopted.v1', {
        agent: id,
        provider: agent.provider,
        card: card.digest,
      })),
    ],
  );
}

export async function requireAgent(context: RegistryContext, id: string): Promise<StoredRecord<Agent>> {
  const record = await context.repository.agent(id);
  if (record === undefined) throw new Fault('not_found', `There is no agent ${id}.`);
  return record;
}

/** Before anything else is judged (RFC 9110 §13.2.2). Throws `not_found`, `precondition_failed`. */
export async function requireUnchanged(
  context: RegistryContext,
  id: string,
  update: Update,
): Promise<StoredRecord<Agent>> {
  const record = await requireAgent(context, id);
  if (update.version !== undefined && update.version !== record.version)
    throw new Fault('precondition_failed', 'The agent has changed since it was read.');
  return record;
}

/** Retired is for good. */
export function requireNotRetired(agent: Agent): void {
  if (agent.status === 'retired')
    throw new Fault<RegistryErrorCode>('wrong_state', 'The agent is retired and cannot be changed any more.');
}

/** Throws `conflict`. */
export async function saveAgent(
  context: RegistryContext,
  record: StoredRecord<Agent>,
  change: Agent,
  update: Update,
  entry: Pick<AuditEntry, 'action' | 'detail'>,
  alongside: readonly Write[] = [],
): Promise<AgentVersion> {
  const agent: Agent = { ...change, updatedAt: context.clock.now() };
  const commit = await context.repository.commit([
    context.repository.replaceAgent(agent, record.version),
    ...alongside,
    ...context.audit.writes({
      ...entry,
      outcome: 'allowed',
      actor: auditActor(update.by),
      provider: agent.provider,
      agent: agent.id,
    }),
  ]);
  if (!commit.ok)
    throw new Fault('conflict', 'The agent was changed by somebody else at the same time. Read it again.');
  return { agent, version: commit.version };
}
