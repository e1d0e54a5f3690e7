/**
 * Who may: the operator alone; the party itself with a scope; the same, and others are told that it does not exist; any client,
 * which then gets what concerns both itself and who it asks for; any client, of its own things.
 */
export type Access = 'operator' | 'party' | 'hidden' | 'narrowed' | 'anybody';

/** One documented call, aimed at what belongs to provider `lodging` and tenant `globex`. */
export interface Aimed {
  /** As in the API description. */
  readonly call: string;
  readonly access: Access;
  /** Values for the path's parameters, and a query. `ID` stands for a real id of the victim's, by its parameter's name. */
  readonly path: string;
  readonly body?: unknown;
  /** Where the caller has to be the victim of this kind; others are refused whoever they are. */
  readonly owner: 'provider' | 'tenant' | undefined;
}

const reason = { reason: 'mischief' };
const user = { issuer: 'https://login.globex.example', subject: 'user-1', ...reason };
const card = {
  name: 'Hijack',
  description: 'x',
  version: '1',
  supportedInterfaces: [
    { url: 'https://evil.example/rpc', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
  ],
  capabilities: {},
  defaultInputModes: ['text/plain'],
  defaultOutputModes: ['text/plain'],
  skills: [{ id: 's', name: 's', description: 's', tags: [] }],
};

const provider = (call: string, path: string, body?: unknown): Aimed => ({
  call,
  access: 'party',
  path,
  body,
  owner: 'provider',
});
const tenant = (call: string, path: string, body?: unknown): Aimed => ({
  call,
  access: 'party',
  path,
  body,
  owner: 'tenant',
});
const operator = (call: string, path: string, body?: unknown): Aimed => ({
  call,
  access: 'operator',
  path,
  body,
  owner: undefined,
});
const hidden = (call: string, path: string, owner: Aimed['owner'], body?: unknown): Aimed => ({
  call,
  access: 'hidden',
  path,
  body,
  owner,
});
const narrowed = (call: string, path: string, owner: Aimed['owner']): Aimed => ({
  call,
  access: 'narrowed',
  path,
  owner,
});
const anybody = (call: string, path: string): Aimed => ({ call, access: 'anybody', path, owner: undefined });

const openPolicy = 'permit(principal, action, resource);';
const trial = {
  principal: { client: 'globex-app', owner: 'tenant:globex' },
  resource: { agent: 'lodging/hotels' },
  context: { tenant: 'globex' },
};
const hotels = '/v1/agents/lodging/hotels';
const anySub = 'USER_SUB';
const key = (jwk: unknown) => ({ jwks: { keys: [jwk] } });

/** Every call under `/v1`; a test compares the list with the API description. `jwk` is a key of the attacker's. */
export const accessTable = (jwk: unknown): readonly Aimed[] => [
  operator('POST /v1/providers', '/v1/providers', { id: 'mine', name: 'Mine' }),
  operator('GET /v1/providers', '/v1/providers'),
  provider('GET /v1/providers/{provider}', '/v1/providers/lodging'),
  operator('POST /v1/providers/{provider}/suspend', '/v1/providers/lodging/suspend', reason),
  operator('POST /v1/providers/{provider}/reinstate', '/v1/providers/lodging/reinstate', reason),
  provider('POST /v1/providers/{provider}/agents', '/v1/providers/lodging/agents', { id: 'hijack', card }),
  anybody('GET /v1/agents', '/v1/agents?provider=lodging'),
  hidden('GET /v1/agents/{provider}/{agent}', '/v1/agents/lodging/draft', 'provider'),
  provider('POST /v1/agents/{provider}/{agent}/publish', '/v1/agents/lodging/draft/publish', reason),
  provider('POST /v1/agents/{provider}/{agent}/suspend', `${hotels}/suspend`, reason),
  provider('POST /v1/agents/{provider}/{agent}/retire', `${hotels}/retire`, reason),
  provider('POST /v1/agents/{provider}/{agent}/refresh', `${hotels}/refresh`),
  provider('GET /v1/agents/{provider}/{agent}/versions', `${hotels}/versions`),
  provider('GET /v1/agents/{provider}/{agent}/deployments', `${hotels}/deployments`),
  provider('POST /v1/agents/{provider}/{agent}/deployments', `${hotels}/deployments`, {
    id: 'hijack',
    model: 'siloed',
    tenant: 'globex',
    url: 'https://evil.example/rpc',
  }),
  provider('PATCH /v1/agents/{provider}/{agent}/deployments/{deployment}', `${hotels}/deployments/default`, {
    state: 'down',
  }),
  operator('POST /v1/tenants', '/v1/tenants', { id: 'mine', name: 'Mine', tier: 'unlimited' }),
  operator('GET /v1/tenants', '/v1/tenants'),
  tenant('GET /v1/tenants/{tenant}', '/v1/tenants/globex'),
  operator('PATCH /v1/tenants/{tenant}', '/v1/tenants/globex', { tier: 'unlimited' }),
  operator('POST /v1/tenants/{tenant}/suspend', '/v1/tenants/globex/suspend', reason),
  operator('POST /v1/tenants/{tenant}/reinstate', '/v1/tenants/globex/reinstate', reason),
  tenant('POST /v1/tenants/{tenant}/subscriptions', '/v1/tenants/globex/subscriptions', {
    agent: 'lodging/hotels',
  }),
  tenant('GET /v1/tenants/{tenant}/subscriptions', '/v1/tenants/globex/subscriptions'),
  tenant(
    'DELETE /v1/tenants/{tenant}/subscriptions/{subscription}',
    '/v1/tenants/globex/subscriptions/SUBSCRIPTION',
  ),
  tenant('GET /v1/tenants/{tenant}/users/blocked', '/v1/tenants/globex/users/blocked'),
  tenant('POST /v1/tenants/{tenant}/users/block', '/v1/tenants/globex/users/block', user),
  tenant('POST /v1/tenants/{tenant}/users/unblock', '/v1/tenants/globex/users/unblock', user),
  tenant('GET /v1/tenants/{tenant}/links', '/v1/tenants/globex/links'),
  tenant('POST /v1/tenants/{tenant}/links', '/v1/tenants/globex/links', {
    issuer: 'https://login.acme.example',
    externalId: 'x',
  }),
  tenant('DELETE /v1/tenants/{tenant}/links/{link}', '/v1/tenants/globex/links/LINK'),
  provider('GET /v1/providers/{provider}/tenant-links', '/v1/providers/lodging/tenant-links'),
  provider(
    'PUT /v1/providers/{provider}/tenant-links/{tenant}',
    '/v1/providers/lodging/tenant-links/globex',
    { audTenant: 'mine' },
  ),
  provider('GET /v1/providers/{provider}/tenant-links/{tenant}', '/v1/providers/lodging/tenant-links/globex'),
  provider(
    'DELETE /v1/providers/{provider}/tenant-links/{tenant}',
    '/v1/providers/lodging/tenant-links/globex',
  ),
  provider('PUT /v1/providers/{provider}/user-links/{sub}', `/v1/providers/lodging/user-links/${anySub}`, {
    audSub: 'mine',
  }),
  provider('GET /v1/providers/{provider}/user-links/{sub}', `/v1/providers/lodging/user-links/${anySub}`),
  provider('DELETE /v1/providers/{provider}/user-links/{sub}', `/v1/providers/lodging/user-links/${anySub}`),
  operator('GET /v1/keys/pairwise', '/v1/keys/pairwise'),
  operator('POST /v1/keys/pairwise/rotate', '/v1/keys/pairwise/rotate', reason),
  operator('GET /v1/keys', '/v1/keys'),
  operator('POST /v1/keys/rotate', '/v1/keys/rotate', { reason: 'mischief', compromised: true }),
  operator('POST /v1/keys/reencrypt', '/v1/keys/reencrypt', { reason: 'mischief' }),
  provider('POST /v1/providers/{provider}/issuers', '/v1/providers/lodging/issuers', {
    issuer: 'https://evil.example',
    ...key(jwk),
  }),
  provider('GET /v1/providers/{provider}/issuers', '/v1/providers/lodging/issuers'),
  provider('GET /v1/providers/{provider}/issuers/{issuer}', '/v1/providers/lodging/issuers/PROVIDER_ISSUER'),
  provider(
    'PATCH /v1/providers/{provider}/issuers/{issuer}',
    '/v1/providers/lodging/issuers/PROVIDER_ISSUER',
    key(jwk),
  ),
  provider(
    'POST /v1/providers/{provider}/issuers/{issuer}/verify',
    '/v1/providers/lodging/issuers/PROVIDER_ISSUER/verify',
    {},
  ),
  operator(
    'POST /v1/providers/{provider}/issuers/{issuer}/approve',
    '/v1/providers/lodging/issuers/PROVIDER_ISSUER/approve',
  ),
  provider(
    'GET /v1/providers/{provider}/issuers/{issuer}/links',
    '/v1/providers/lodging/issuers/PROVIDER_ISSUER/links',
  ),
  provider(
    'POST /v1/providers/{provider}/issuers/{issuer}/links',
    '/v1/providers/lodging/issuers/PROVIDER_ISSUER/links',
    { externalId: 'x', tenant: 'acme' },
  ),
  provider(
    'DELETE /v1/providers/{provider}/issuers/{issuer}/links/{link}',
    '/v1/providers/lodging/issuers/PROVIDER_ISSUER/links/none',
  ),
  provider(
    'POST /v1/providers/{provider}/issuers/{issuer}/{step}',
    '/v1/providers/lodging/issuers/PROVIDER_ISSUER/disable',
  ),
  tenant('POST /v1/tenants/{tenant}/issuers', '/v1/tenants/globex/issuers', {
    issuer: 'https://evil.example',
    ...key(jwk),
  }),
  tenant('GET /v1/tenants/{tenant}/issuers', '/v1/tenants/globex/issuers'),
  tenant('GET /v1/tenants/{tenant}/issuers/{issuer}', '/v1/tenants/globex/issuers/TENANT_ISSUER'),
  tenant('PATCH /v1/tenants/{tenant}/issuers/{issuer}', '/v1/tenants/globex/issuers/TENANT_ISSUER', key(jwk)),
  tenant(
    'POST /v1/tenants/{tenant}/issuers/{issuer}/verify',
    '/v1/tenants/globex/issuers/TENANT_ISSUER/verify',
    {},
  ),
  operator(
    'POST /v1/tenants/{tenant}/issuers/{issuer}/approve',
    '/v1/tenants/globex/issuers/TENANT_ISSUER/approve',
  ),
  tenant('GET /v1/tenants/{tenant}/issuers/{issuer}/links', '/v1/tenants/globex/issuers/TENANT_ISSUER/links'),
  tenant(
    'POST /v1/tenants/{tenant}/issuers/{issuer}/links',
    '/v1/tenants/globex/issuers/TENANT_ISSUER/links',
    { externalId: 'x', tenant: 'acme' },
  ),
  tenant(
    'DELETE /v1/tenants/{tenant}/issuers/{issuer}/links/{link}',
    '/v1/tenants/globex/issuers/TENANT_ISSUER/links/none',
  ),
  tenant(
    'POST /v1/tenants/{tenant}/issuers/{issuer}/{step}',
    '/v1/tenants/globex/issuers/TENANT_ISSUER/disable',
  ),
  operator('POST /v1/clients', '/v1/clients', {
    name: 'Mine',
    owner: 'tenant:globex',
    grantTypes: ['client_credentials'],
    scopes: ['audit:read'],
    ...key(jwk),
  }),
  operator('GET /v1/clients', '/v1/clients'),
  hidden('GET /v1/clients/{client}', '/v1/clients/globex-app', 'tenant'),
  operator('PATCH /v1/clients/{client}', '/v1/clients/globex-app', { status: 'disabled' }),
  provider('POST /v1/agreements', '/v1/agreements', { from: 'provider:lodging', to: 'provider:third' }),
  anybody('GET /v1/agreements', '/v1/agreements'),
  hidden('GET /v1/agreements/{agreement}', '/v1/agreements/AGREEMENT', 'provider'),
  hidden('POST /v1/agreements/{agreement}/accept', '/v1/agreements/AGREEMENT/accept', 'provider'),
  hidden('POST /v1/agreements/{agreement}/revoke', '/v1/agreements/AGREEMENT/revoke', 'provider', reason),
  anybody('GET /v1/delegations', '/v1/delegations?txn=TRANSACTION'),
  hidden('GET /v1/delegations/{delegation}', '/v1/delegations/DELEGATION', 'tenant'),
  hidden('POST /v1/delegations/{delegation}/revoke', '/v1/delegations/DELEGATION/revoke', 'tenant', reason),
  tenant('POST /v1/policies', '/v1/policies', { owner: 'tenant:globex', text: openPolicy }),
  provider('POST /v1/policies', '/v1/policies', { owner: 'provider:lodging', text: openPolicy }),
  operator('POST /v1/policies', '/v1/policies', { owner: 'operator', text: openPolicy }),
  tenant('GET /v1/policies', '/v1/policies?owner=tenant:globex'),
  provider('GET /v1/policies', '/v1/policies?owner=provider:lodging'),
  operator('GET /v1/policies', '/v1/policies?owner=operator'),
  tenant('GET /v1/policies/{policy}', '/v1/policies/guard?owner=tenant:globex'),
  operator('GET /v1/policies/{policy}', '/v1/policies/guard?owner=operator'),
  tenant('PUT /v1/policies/{policy}', '/v1/policies/guard?owner=tenant:globex', { text: openPolicy }),
  operator('PUT /v1/policies/{policy}', '/v1/policies/guard?owner=operator', { text: openPolicy }),
  tenant('DELETE /v1/policies/{policy}', '/v1/policies/guard?owner=tenant:globex'),
  operator('DELETE /v1/policies/{policy}', '/v1/policies/guard?owner=operator'),
  tenant('POST /v1/policies/check', '/v1/policies/check', { owner: 'tenant:globex', ...trial }),
  operator('POST /v1/policies/check', '/v1/policies/check', { owner: 'operator', ...trial }),
  anybody('GET /v1/policies/schema', '/v1/policies/schema'),
  provider('GET /v1/usage/quarantine', '/v1/usage/quarantine?provider=lodging'),
  narrowed('GET /v1/usage', '/v1/usage?provider=lodging', 'provider'),
  narrowed('GET /v1/usage', '/v1/usage?tenant=globex', 'tenant'),
  tenant('GET /v1/tenants/{tenant}/usage', '/v1/tenants/globex/usage'),
  operator('POST /v1/meters', '/v1/meters', { key: 'mine', unit: 'x', aggregation: 'sum' }),
  anybody('GET /v1/meters', '/v1/meters'),
  operator('POST /v1/plans', '/v1/plans', {
    key: 'free',
    currency: 'EUR',
    prices: [{ meter: 'calls', model: 'per_unit', unitAmount: '0' }],
  }),
  anybody('GET /v1/plans', '/v1/plans'),
  anybody('GET /v1/plans/{plan}', '/v1/plans/standard'),
  operator('POST /v1/providers/{provider}/contracts', '/v1/providers/lodging/contracts', {
    commissionBps: 0,
    currency: 'EUR',
    from: '2030-01',
  }),
  provider('GET /v1/providers/{provider}/contracts', '/v1/providers/lodging/contracts'),
  operator('GET /v1/billing/periods', '/v1/billing/periods'),
  operator('GET /v1/billing/periods/{period}', '/v1/billing/periods/PERIOD'),
  operator('POST /v1/billing/periods/{period}/close', '/v1/billing/periods/PERIOD/close', { early: true }),
  operator('GET /v1/billing/periods/{period}/close', '/v1/billing/periods/PERIOD/close'),
  operator('GET /v1/events/outbox', '/v1/events/outbox'),
  operator('GET /v1/events/dead-letters', '/v1/events/dead-letters'),
  operator('POST /v1/events/dead-letters/{event}/replay', '/v1/events/dead-letters/evt_0/replay'),
  operator('POST /v1/events/dead-letters/{event}/discard', '/v1/events/dead-letters/evt_0/discard', reason),
  operator('GET /v1/billing/periods/{period}/journal', '/v1/billing/periods/PERIOD/journal'),
  tenant('GET /v1/invoices', '/v1/invoices?tenant=globex'),
  tenant('GET /v1/tenants/{tenant}/invoices', '/v1/tenants/globex/invoices'),
  tenant('GET /v1/tenants/{tenant}/invoices/draft', '/v1/tenants/globex/invoices/draft'),
  hidden('GET /v1/invoices/{id}', '/v1/invoices/INVOICE', 'tenant'),
  provider('GET /v1/settlements', '/v1/settlements?provider=lodging'),
  hidden('GET /v1/settlements/{id}', '/v1/settlements/SETTLEMENT', 'provider'),
  operator('GET /v1/audit/export', '/v1/audit/export'),
  narrowed('GET /v1/audit', '/v1/audit?provider=lodging', 'provider'),
  narrowed('GET /v1/audit', '/v1/audit?tenant=globex', 'tenant'),
  tenant('GET /v1/tenants/{tenant}/audit', '/v1/tenants/globex/audit'),
];
