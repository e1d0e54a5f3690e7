import { z } from 'zod';

/**
 * The closed list of business events: what operators, tenants and providers run their business on. An event says that
 * something has happened, by ids, states and amounts; never a secret, a name, or words that people wrote.
 *
 * Within a version only optional members are added. Anything else is a new version beside the old one. `docs/events` is made
 * from this list.
 */
interface Definition<Shape extends z.ZodRawShape> {
  readonly summary: string;
  readonly data: z.ZodObject<Shape>;
  /** What it happened to, `kind:id`. Events of one subject reach consumers in their order. */
  readonly subject: (data: z.output<z.ZodObject<Shape>>) => string;
  /** Of a subject to which nothing else ever happens: no order needs to be kept. */
  readonly once: boolean;
}

function event<Shape extends z.ZodRawShape>(
  summary: string,
  shape: Shape,
  subject: Definition<Shape>['subject'],
): Definition<Shape> {
  return { summary, data: z.object(shape), subject, once: false };
}

/** What the commit that writes it can do only once. */
function onlyEvent<Shape extends z.ZodRawShape>(...args: Parameters<typeof event<Shape>>): Definition<Shape> {
  return { ...event(...args), once: true };
}

const id = z.string().min(1).max(256);
const party = z.templateLiteral([z.enum(['provider', 'tenant']), ':', z.string()]);
const instant = z.iso.datetime();
const currency = z.string().length(3).describe('ISO 4217');
const amount = z.string().describe('Decimal, in the main unit of the currency');
const period = z.string().describe('Calendar month in UTC, yyyy-mm');

const provider = { provider: id };
const ofProvider = (data: { readonly provider: string }) => `provider:${data.provider}`;

const agent = { agent: id.describe('provider/agent'), provider: id };
const ofAgent = (data: { readonly agent: string }) => `agent:${data.agent}`;
const agentVersion = { ...agent, card: id.describe('Digest of the canonical card: the card version') };
const deployment = {
  ...agent,
  deployment: id,
  model: z.enum(['pooled', 'siloed']),
  tenant: id.optional().describe('Whose, when siloed'),
  region: id.optional(),
  state: z.enum(['active', 'draining', 'down']),
  weight: z.int(),
};

const tenant = { tenant: id };
const ofTenant = (data: { readonly tenant: string }) => `tenant:${data.tenant}`;

const subscription = { subscription: id, tenant: id, agent: id.describe('provider/agent'), provider: id };
const ofSubscription = (data: { readonly tenant: string; readonly agent: string }) =>
  `subscription:${data.tenant}/${data.agent}`;

const blockedUser = { tenant: id, blocked: id.describe('As the API names it; not who it is') };
const ofBlockedUser = (data: { readonly blocked: string }) => `blocked-user:${data.blocked}`;

const issuer = { issuer: id.describe('Of the trust record'), owner: party };
const ofIssuer = (data: { readonly issuer: string }) => `issuer:${data.issuer}`;

const account = { provider: id, tenant: id };
const ofAccount = (data: { readonly provider: string; readonly tenant: string }) =>
  `account:${data.provider}/${data.tenant}`;
const linkedUser = { provider: id, sub: id.describe('Pairwise subject') };
const ofLinkedUser = (data: { readonly provider: string; readonly sub: string }) =>
  `user:${data.provider}/${data.sub}`;

const tenantLink = { link: id, tenant: id };
const ofTenantLink = (data: { readonly link: string }) => `link:${data.link}`;

const client = { client: id, owner: party };
const ofClient = (data: { readonly client: string }) => `client:${data.client}`;

const agreement = { agreement: id, from: party, to: party };
const ofAgreement = (data: { readonly agreement: string }) => `agreement:${data.agreement}`;

const policy = {
  policy: id.describe('Among its owner’s'),
  owner: z.union([z.literal('operator'), party]),
  effect: z.enum(['permit', 'forbid']),
  enabled: z.boolean(),
};
const ofPolicy = (data: { readonly owner: string; readonly policy: string }) =>
  `policy:${data.owner}/${data.policy}`;

const ofPeriod = (data: { readonly period: string }) => `period:${data.period}`;

export const catalogue = {
  'provider.admitted.v1': event('A provider may offer agents', provider, ofProvider),
  'provider.suspended.v1': event('All agents of a provider are off', provider, ofProvider),
  'provider.reinstated.v1': event('A suspended provider works again', provider, ofProvider),

  'agent.registered.v1': event('An agent was registered, as a draft', agentVersion, ofAgent),
  'agent.version-adopted.v1': event('An agent’s card has a new version', agentVersion, ofAgent),
  'agent.published.v1': event('An agent is on offer', agent, ofAgent),
  'agent.suspended.v1': event('An agent is off until it is published again', agent, ofAgent),
  'agent.retired.v1': event('An agent is off for good', agent, ofAgent),
  'deployment.added.v1': event('An agent has one more deployment', deployment, ofAgent),
  'deployment.changed.v1': event('A deployment’s state, weight or region changed', deployment, ofAgent),

  'tenant.created.v1': event('There is a new tenant', { ...tenant, tier: id }, ofTenant),
  'tenant.changed.v1': event(
    'A tenant’s name, tier, region or residency changed',
    { ...tenant, tier: id, changed: z.array(z.string()).describe('Names of the fields') },
    ofTenant,
  ),
  'tenant.suspended.v1': event('Nothing works for a tenant any more', tenant, ofTenant),
  'tenant.reinstated.v1': event('A suspended tenant works again', tenant, ofTenant),
  'subscription.created.v1': event(
    'A tenant may use an agent',
    { ...subscription, plan: id.optional(), expiresAt: instant.optional() },
    ofSubscription,
  ),
  'subscription.cancelled.v1': event('A tenant may not use an agent any more', subscription, ofSubscription),

  'user.blocked.v1': event('Nothing is done in a user’s name any more', blockedUser, ofBlockedUser),
  'user.unblocked.v1': event('A blocked user may act again', blockedUser, ofBlockedUser),

  'issuer.registered.v1': event('A party’s issuer is trusted', issuer, ofIssuer),
  'account.linked.v1': event('A provider knows a tenant under an id of its own', account, ofAccount),
  'account.unlinked.v1': event('A provider’s own id for a tenant is gone', account, ofAccount),
  'user.linked.v1': event('A provider knows a user under an id of its own', linkedUser, ofLinkedUser),
  'user.unlinked.v1': event('A provider’s own id for a user is gone', linkedUser, ofLinkedUser),
  'link.made.v1': event(
    'One side, or both, said which tenant an external id of an issuer is',
    { ...tenantLink, state: z.enum(['waiting', 'active']) },
    ofTenantLink,
  ),
  'link.removed.v1': event('An issuer does not speak for a tenant any more', tenantLink, ofTenantLink),
  'issuer.claimed.v1': event('A party says that an issuer is its own; nothing is proven', issuer, ofIssuer),
  'issuer.verified.v1': event('A party’s issuer is proven, and waits for the operator', issuer, ofIssuer),
  'issuer.changed.v1': event('An issuer’s keys, algorithms, audience or expiry changed', issuer, ofIssuer),
  'issuer.keys-replaced.v1': event(
    'An issuer’s tokens are refused: all its keys were replaced at once',
    issuer,
    ofIssuer,
  ),
  'issuer.disabled.v1': event('An issuer’s tokens are refused', issuer, ofIssuer),
  'issuer.enabled.v1': event('A disabled issuer is trusted again', issuer, ofIssuer),
  'client.registered.v1': event(
    'A program may ask for tokens',
    { ...client, agent: id.optional().describe('provider/agent that the program is') },
    ofClient,
  ),
  'client.changed.v1': event('A client was renamed', client, ofClient),
  'client.disabled.v1': event('A client and the tokens that it obtained are refused', client, ofClient),
  'client.enabled.v1': event('A disabled client works again', client, ofClient),
  'agreement.proposed.v1': event(
    'One side waits for the other to accept an agreement',
    agreement,
    ofAgreement,
  ),
  'agreement.declined.v1': event('A proposal was declined or withdrawn', agreement, ofAgreement),
  'agreement.made.v1': event(
    'One party may pass tenants’ context to another',
    { ...agreement, expiresAt: instant.optional() },
    ofAgreement,
  ),
  'agreement.revoked.v1': event('Everything that rests on an agreement stops', agreement, ofAgreement),
  'delegation.revoked.v1': onlyEvent(
    'One token of a chain of calls, and all that continues it, is refused',
    { delegation: id, txn: id, tenant: id, provider: id, agent: id.describe('provider/agent') },
    (data) => `delegation:${data.delegation}`,
  ),

  'policy.created.v1': event('There is a new policy', policy, ofPolicy),
  'policy.changed.v1': event('A policy’s text changed, or it was enabled or disabled', policy, ofPolicy),
  'policy.deleted.v1': event('A policy is gone; these are its last words', policy, ofPolicy),

  'key.rotated.v1': event(
    'The broker has a new signing key',
    {
      kid: id.describe('As in the key set, RFC 7517'),
      purpose: z.string(),
      activeFrom: instant.describe('From then on it signs'),
      compromised: z.boolean().describe('What earlier keys signed does not count any more'),
    },
    ({ purpose }) => `key:${purpose}`,
  ),
  'key.reencrypted.v1': event(
    'Keys in the store are encrypted with the current master key',
    { records: z.int().describe('How many were encrypted with another one') },
    () => 'key:encryption',
  ),

  'pairwise.rotated.v1': event(
    'Users who are new at a provider get subjects of another version',
    { version: z.int(), activeFrom: instant.describe('From then on') },
    () => 'pairwise:broker',
  ),

  'meter.defined.v1': onlyEvent(
    'There is a new meter',
    {
      meter: id,
      aggregation: z.enum(['sum', 'count', 'max', 'latest']),
      authority: z.enum(['broker', 'provider']),
    },
    ({ meter }) => `meter:${meter}`,
  ),
  'plan.defined.v1': onlyEvent('There is a new plan', { plan: id, currency }, ({ plan }) => `plan:${plan}`),
  'contract.set.v1': onlyEvent(
    'The commission of a provider is agreed, from a period on',
    {
      contract: id,
      provider: id,
      currency,
      commissionBps: z.int().describe('1/100 of a percent'),
      from: period,
    },
    (data) => `contract:${data.contract}`,
  ),
  'usage.quarantined.v1': onlyEvent(
    'A provider reported usage that cannot be billed as it is',
    {
      report: id.describe('Names what was reported together'),
      provider: id,
      events: z.int().describe('How many were not in quarantine before'),
      reasons: z.record(z.string(), z.int()).describe('How many for each reason'),
    },
    ({ report }) => `quarantine:${report}`,
  ),
  'period.closing.v1': event('A period takes no more usage; its close has begun', { period }, ofPeriod),
  'period.closed.v1': event(
    'A period’s invoices and settlements are final',
    { period, invoices: z.int(), settlements: z.int() },
    ofPeriod,
  ),
  'invoice.finalised.v1': onlyEvent(
    'A tenant owes this',
    { invoice: id, number: id, tenant: id, period, currency, total: amount },
    (data) => `invoice:${data.invoice}`,
  ),
  'settlement.made.v1': onlyEvent(
    'A provider is owed this',
    { settlement: id, provider: id, period, currency, gross: amount, commission: amount, net: amount },
    (data) => `settlement:${data.settlement}`,
  ),
} as const;

export type EventType = keyof typeof catalogue;

export type EventData<T extends EventType = EventType> = z.output<(typeof catalogue)[T]['data']>;
