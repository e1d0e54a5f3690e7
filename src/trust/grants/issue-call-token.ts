import { epochSeconds } from '../../kernel/clock.ts';
import { depthOf } from '../actor.ts';
import { mintCallToken } from '../call-token.ts';
import { chooseOutput } from '../choose-output.ts';
import type { TrustContext } from '../deps.ts';
import { OAuthRefusal } from '../errors.ts';
import { findAgreement } from '../find-agreement.ts';
import { idJagAnswerType, idJagTokenType } from '../id-jag.ts';
import { knownUser } from '../known-user.ts';
import {
  accessTokenType,
  type Actor,
  type Agreement,
  type Client,
  defaultMaxDepth,
  type Delegation,
} from '../model.ts';
import { recent } from '../recent-facts.ts';
import { requirePolicy } from '../require-policy.ts';
import {
  invalidTarget,
  requireReachable,
  requireServed,
  resolveTarget,
  type Target,
} from '../resolve-target.ts';
import { bothOf, checkTarget, isOwnerActive, type Standing, within } from '../standing.ts';
import type { Subject } from '../subject.ts';
import { bad, requestedScopes, type TokenRequest } from '../token-request.ts';
import { refusedToken } from '../verify-issuer-token.ts';
import type { Issued, RefusalNote } from './grant.ts';

/** What a grant found out by itself: for whom, and who acts. */
export interface CallGrant {
  readonly action: 'token.exchange' | 'token.jwt_bearer';
  readonly request: TokenRequest;
  readonly client: Client;
  readonly subject: Subject;
  /** What it means when the subject turns out not to be good. */
  readonly subjectError: 'invalid_request' | 'invalid_grant';
  readonly actor: Omit<Actor, 'act'>;
  /** The token type that the caller asked for; absent: the target's provider chooses. */
  readonly requested?: string | undefined;
}

/**
 * What every grant that ends in a token for an agent has in common. The order is part of the design: each phase may rely on
 * those before it, and none can be skipped: depth → target → standing → agreement → scope → policy →
 * output → mint.
 */
export async function issueCallToken(
  context: TrustContext,
  { action, request, client, subject, subjectError, actor, requested }: CallGrant,
  note: RefusalNote,
): Promise<Issued> {
  note.tenant = subject.tenant;
  if (subject.parent !== undefined) note.txn = subject.parent.txn;
  const act: Actor = subject.act === undefined ? actor : { ...actor, act: subject.act };
  const depth = depthOf(act);
  const inherited = subject.parent?.maxDepth ?? defaultMaxDepth;
  requireDepth(depth, inherited);

  const target = await resolveTarget(context, request);
  if (subject.audiences?.includes(target.audience) === false) throw invalidTarget('target_not_in_assertion');
  // Whose a deployment's resource is, its audit entry tells only once the agent turned out to be on offer to the caller.
  if (target.deployment === undefined) note.agent = target.agentId;
  const standing = await requireStanding(context, subject, target, subjectError);
  note.agent = target.agentId;
  note.provider = standing.agent.provider;
  requireReachable(target, standing);
  const agreement = await findAgreement(context, client, {
    provider: standing.agent.provider,
    tenant: subject.tenant,
  });
  const maxDepth = Math.min(inherited, agreement?.maxDepth ?? defaultMaxDepth);
  requireDepth(depth, maxDepth);
  const residency = bothOf(subject.parent?.residency, agreement?.residency);
  if (residency !== undefined) requireServed(target, within(standing, residency));
  const scope = narrowScope(request, subject, client, standing, agreement);
  if (subject.expiresAt <= epochSeconds(context.clock)) throw refusedToken('token_expired', subjectError);

  const chain = extendChain(subject.parent, client, target.agentId, agreement);
  const decided = await requirePolicy(
    context,
    { client, standing, subject, scope, depth, chain, agreement: agreement?.id },
    note,
  );
  // Last: what a target takes is told to those only who may have it.
  const idJag = await chooseOutput(context, client, standing, target, requested);

  const known = await knownUser(context, standing.agent.provider, subject.tenant, subject.origin);
  const { token, delegation } = mintCallToken(context, {
    standing,
    audience: target.audience,
    deployment: target.deployment,
    idJag,
    clientId: client.id,
    scope,
    act,
    depth,
    maxDepth,
    residency,
    origin: subject.origin,
    user: known.user,
    authentication: subject.authentication,
    txn: subject.parent?.txn ?? context.ids.next('txn'),
    parent: subject.parent,
    chain,
    jkt: request.proof?.jkt,
    notAfter: subject.expiresAt,
  });
  return {
    token,
    ...(idJag === undefined
      ? { issuedTokenType: accessTokenType }
      : { issuedTokenType: idJagTokenType, tokenType: idJagAnswerType }),
    expiresIn: delegation.expiresAt - delegation.issuedAt,
    scope: scope.join(' '),
    writes: [...context.repository.insertDelegation(delegation), ...known.writes],
    entry: {
      action,
      tenant: delegation.tenant,
      provider: delegation.provider,
      agent: delegation.agent,
      txn: delegation.txn,
      detail: {
        delegation: delegation.id,
        parent: delegation.parent ?? null,
        subscription: standing.subscription.id,
        scope: delegation.scope,
        depth,
        chain: delegation.chain.clients,
        agreement: agreement?.id ?? null,
        ...(idJag === undefined ? {} : { authorizationServer: idJag.authorizationServer }),
      },
      ...decided,
    },
  };
}

/** Before anything is read of a subject: a suspended company's program acts for nobody. */
export async function requireOwnerActive(context: TrustContext, client: Client): Promise<void> {
  if (!(await isOwnerActive(context, client, recent)) && !(await isOwnerActive(context, client)))
    throw new OAuthRefusal(
      'unauthorized_client',
      'client_owner_not_active',
      'This client may not exchange now.',
    );
}

/** A chain is refused, never cut short. */
function requireDepth(depth: number, max: number): void {
  if (depth > max) throw bad('depth_exceeded', `The chain of actors would be longer than ${max}.`);
}

async function requireStanding(
  context: TrustContext,
  subject: Subject,
  target: Target,
  subjectError: CallGrant['subjectError'],
): Promise<Standing> {
  const standing = await checkTarget(context, subject, target.agentId);
  if (standing.ok) return standing.value;
  if (standing.error === 'USER_BLOCKED') throw refusedToken('subject_user_blocked', subjectError);
  if (standing.error === 'TENANT_CONTEXT_INVALID')
    throw refusedToken('subject_tenant_not_active', subjectError);
  if (standing.error === 'NOT_SUBSCRIBED') throw invalidTarget('not_subscribed');
  // A tenant reads its audit: the resource of an agent that is not on offer is like one that nobody has.
  throw invalidTarget(target.deployment === undefined ? 'agent_unavailable' : 'target_unknown');
}

/**
 * What was asked, and nothing that any of the parties does not allow. An ID token carries no scope: then the subscription,
 * which says who approved it and until when, is the grant record and the subject's ceiling.
 */
function narrowScope(
  request: TokenRequest,
  subject: Subject,
  client: Client,
  standing: Standing,
  agreement: Agreement | undefined,
): readonly string[] {
  const ceilings = [
    standing.agent.scopes,
    subject.scope,
    client.callScopes,
    agreement?.scopes,
    requestedScopes(request),
  ];
  const scope = standing.subscription.scopes.filter((candidate) =>
    ceilings.every((ceiling) => ceiling === undefined || ceiling.includes(candidate)),
  );
  if (scope.length === 0)
    throw new OAuthRefusal('invalid_scope', 'scope_empty', 'No scope is left that all parties allow.');
  return scope;
}

function extendChain(
  parent: Delegation | undefined,
  client: Client,
  agentId: string,
  agreement: Agreement | undefined,
): Delegation['chain'] {
  const before = parent?.chain;
  return {
    delegations: parent === undefined ? [] : [...parent.chain.delegations, parent.id],
    clients: [...new Set([...(before?.clients ?? []), client.id])],
    agents: [...new Set([...(before?.agents ?? []), agentId])],
    agreements: [
      ...new Set([...(before?.agreements ?? []), ...(agreement === undefined ? [] : [agreement.id])]),
    ],
  };
}
