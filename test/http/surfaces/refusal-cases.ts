import { cardFor } from '../../support/market.ts';

const agents = '/v1/providers/skyways/agents';
const subscriptions = '/v1/tenants/acme/subscriptions';
const plan = {
  key: 'basic',
  currency: 'EUR',
  prices: [{ meter: 'calls', model: 'per_unit', unitAmount: '1' }],
};
const client = { name: 'x', owner: 'provider:cloudly', grantTypes: ['client_credentials'] };
const key = { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: 'A'.repeat(43) };
const at = (cardUrl: string) => ({ id: 'other', cardUrl });
export const bps = { commissionBps: 1, currency: 'EUR' };

/** What is only known when the broker runs. */
export interface Facts {
  /** Where the registered agent is. */
  readonly agentUrl: string;
  /** A web server that gives everything but a card. */
  readonly server: string;
  /** Public keys that could be used. */
  readonly keys: { readonly keys: readonly object[] };
}

type Case = readonly [
  code: string,
  what: string,
  method: string,
  path: string,
  body: (facts: Facts) => unknown,
];

/** A request for each reason for which a route refuses. */
export const cases: readonly Case[] = [
  [
    'provider_exists',
    'the id of another provider',
    'POST',
    '/v1/providers',
    () => ({ id: 'skyways', name: 'x' }),
  ],
  [
    'not_found',
    'an agent of an unknown provider',
    'POST',
    '/v1/providers/nobody/agents',
    () => ({ id: 'a', card: cardFor('https://a.example') }),
  ],
  [
    'agent_exists',
    'an agent registered twice',
    'POST',
    agents,
    () => ({ id: 'flights', card: cardFor('https://a.example') }),
  ],
  [
    'resource_taken',
    'the address of another agent',
    'POST',
    agents,
    ({ agentUrl }) => ({ id: 'other', card: cardFor(agentUrl) }),
  ],
  ['card_invalid', 'a card without interfaces', 'POST', agents, () => ({ id: 'other', card: {} })],
  [
    'card_invalid',
    'a card for another protocol',
    'POST',
    agents,
    () => ({
      id: 'other',
      card: {
        ...cardFor('https://a.example'),
        supportedInterfaces: [{ url: 'https://a.example', protocolBinding: 'SMTP', protocolVersion: '1.0' }],
      },
    }),
  ],
  ['card_invalid', 'a page instead of a card', 'POST', agents, ({ server }) => at(`${server}/page`)],
  ['card_unreachable', 'a card without end', 'POST', agents, ({ server }) => at(`${server}/large`)],
  ['card_unreachable', 'a card that is gone', 'POST', agents, ({ server }) => at(`${server}/gone`)],
  ['card_unreachable', 'a card that has moved', 'POST', agents, ({ server }) => at(`${server}/moved`)],
  ['card_unreachable', 'a server that hangs up', 'POST', agents, ({ server }) => at(`${server}/reset`)],
  ['card_unreachable', 'a server that is not there', 'POST', agents, () => at('http://127.0.0.1:1/card')],
  [
    'wrong_state',
    'a card that was given inline, read again',
    'POST',
    '/v1/agents/skyways/flights/refresh',
    () => undefined,
  ],
  [
    'deployment_exists',
    'the id of another deployment',
    'POST',
    '/v1/agents/skyways/flights/deployments',
    () => ({ id: 'default', model: 'pooled', url: 'https://a.example' }),
  ],
  [
    'tenant_exists',
    'the id of another tenant',
    'POST',
    '/v1/tenants',
    () => ({ id: 'acme', name: 'x', tier: 'x' }),
  ],
  [
    'not_found',
    'a subscription of an unknown tenant',
    'POST',
    '/v1/tenants/nobody/subscriptions',
    () => ({ agent: 'skyways/flights' }),
  ],
  [
    'agent_not_offered',
    'a subscription to an unknown agent',
    'POST',
    subscriptions,
    () => ({ agent: 'skyways/none' }),
  ],
  [
    'scope_not_offered',
    'a scope that the agent does not have',
    'POST',
    subscriptions,
    () => ({ agent: 'skyways/flights', scopes: ['none'] }),
  ],
  [
    'unknown_plan',
    'an unknown plan',
    'POST',
    subscriptions,
    () => ({ agent: 'skyways/flights', plan: 'none' }),
  ],
  [
    'issuer_taken',
    'the issuer of another tenant',
    'POST',
    '/v1/providers/cloudly/issuers',
    ({ keys }) => ({ issuer: 'https://login.acme.example', jwks: keys }),
  ],
  [
    'not_found',
    'an issuer that is not there',
    'POST',
    '/v1/tenants/acme/issuers/trs_none/approve',
    () => undefined,
  ],
  [
    'account_taken',
    'the id under which a provider knows another tenant',
    'PUT',
    '/v1/providers/skyways/tenant-links/acme',
    () => ({ audTenant: 'taken' }),
  ],
  [
    'mapping_unusable',
    'an expression that is none',
    'POST',
    '/v1/providers/cloudly/issuers',
    ({ keys }) => ({
      issuer: 'https://a.example',
      jwks: keys,
      tenantMapping: { kind: 'cel', expression: 'claims.' },
    }),
  ],
  [
    'issuer_unknown',
    'a link to an issuer that nobody registered',
    'POST',
    '/v1/tenants/acme/links',
    () => ({ issuer: 'https://a.example', externalId: 'x' }),
  ],
  [
    'link_taken',
    'an external id of another tenant',
    'POST',
    '/v1/tenants/acme/links',
    () => ({ issuer: 'https://login.skyways.example', externalId: 'taken' }),
  ],
  [
    'unknown_party',
    'an issuer of an unknown tenant',
    'POST',
    '/v1/tenants/nobody/issuers',
    ({ keys }) => ({ issuer: 'https://a.example', jwks: keys }),
  ],
  [
    'unknown_issuer',
    'a user of another’s issuer',
    'POST',
    '/v1/tenants/acme/users/block',
    () => ({ issuer: 'https://login.nobody.example', subject: 'x', reason: 'x' }),
  ],
  [
    'keys_unusable',
    'keys that are none',
    'POST',
    '/v1/tenants/acme/issuers',
    () => ({ issuer: 'https://a.example', jwks: { keys: [key] } }),
  ],
  [
    'keys_unusable',
    'a private key',
    'POST',
    '/v1/tenants/acme/issuers',
    ({ keys }) => ({ issuer: 'https://a.example', jwks: { keys: [{ ...keys.keys[0], d: 'AAAA' }] } }),
  ],
  [
    'keys_unusable',
    'keys that cannot be fetched',
    'POST',
    '/v1/tenants/acme/issuers',
    ({ server }) => ({ issuer: 'https://a.example', jwksUri: `${server}/gone` }),
  ],
  [
    'keys_unusable',
    'keys without end',
    'POST',
    '/v1/tenants/acme/issuers',
    ({ server }) => ({ issuer: 'https://a.example', jwksUri: `${server}/large` }),
  ],
  [
    'client_exists',
    'the id of another client',
    'POST',
    '/v1/clients',
    ({ keys }) => ({ ...client, id: 'powerless', jwks: keys }),
  ],
  [
    'unknown_party',
    'a client of an unknown provider',
    'POST',
    '/v1/clients',
    ({ keys }) => ({ ...client, owner: 'provider:nobody', jwks: keys }),
  ],
  [
    'wrong_owner',
    'a client that is another’s agent',
    'POST',
    '/v1/clients',
    ({ keys }) => ({ ...client, agent: 'skyways/flights', jwks: keys }),
  ],
  [
    'unknown_party',
    'an agreement with nobody',
    'POST',
    '/v1/agreements',
    () => ({ from: 'provider:skyways', to: 'provider:nobody' }),
  ],
  [
    'meter_exists',
    'another meaning of a meter',
    'POST',
    '/v1/meters',
    () => ({ key: 'searches', aggregation: 'max', unit: 'searches' }),
  ],
  ['plan_exists', 'other prices under the same key', 'POST', '/v1/plans', () => plan],
  [
    'unknown_meter',
    'a price for an unknown meter',
    'POST',
    '/v1/plans',
    () => ({ ...plan, key: 'other', prices: [{ ...plan.prices[0], meter: 'none' }] }),
  ],
  [
    'contract_exists',
    'another commission from the same month on',
    'POST',
    '/v1/providers/skyways/contracts',
    () => ({ ...bps, from: '2099-01' }),
  ],
  [
    'unknown_provider',
    'a contract with nobody',
    'POST',
    '/v1/providers/nobody/contracts',
    () => ({ ...bps, from: '2099-01' }),
  ],
  [
    'period_not_over',
    'a month that has not begun',
    'POST',
    '/v1/billing/periods/2099-12/close',
    () => ({ early: true }),
  ],
  ['method_not_allowed', 'a call that is not sent', 'GET', '/a2a/skyways/flights/jsonrpc', () => undefined],
  [
    'provider_not_active',
    'an agent of a suspended provider',
    'POST',
    '/v1/providers/idle/agents',
    () => ({ id: 'a', card: cardFor('https://a.example') }),
  ],
  ['earlier_period_open', 'a month before the one before it', 'POST', 'later', () => ({ early: true })],
  [
    'policy_exists',
    'the id of another policy of the same owner',
    'POST',
    '/v1/policies',
    () => ({ id: 'one-hop', text: 'permit(principal, action, resource);' }),
  ],
  [
    'policy_invalid',
    'a text that is no policy',
    'POST',
    '/v1/policies',
    () => ({ id: 'other', text: 'forbid everything;' }),
  ],
];
