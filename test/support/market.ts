import { clientAssertion, newParty, type Party } from './party.ts';

/** How a running broker's HTTP API is reached: a base URL and the operator's token. */
export interface Operator {
  readonly url: string;
  readonly token: string;
  /** What it calls itself (BROKER_URL), where that is not `url`: behind a load balancer. */
  readonly issuer?: string;
}

/** Calls the management API; throws with the problem's text unless the answer is 2xx. */
export async function call<T = Record<string, unknown>>(
  operator: Operator,
  method: string,
  path: string,
  body?: unknown,
): Promise<T> {
  const response = await fetch(`${operator.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${operator.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return JSON.parse(text) as T;
}

export function cardFor(url: string): Record<string, unknown> {
  return {
    name: 'Test agent',
    description: 'Answers calls of tests',
    version: '1.0.0',
    supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    capabilities: { streaming: true },
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [{ id: 'echo', name: 'Echo', description: 'Says it again', tags: ['test'] }],
  };
}

export interface MarketTenant {
  readonly id: string;
  readonly issuer: string;
  readonly idp: Party;
  readonly clientId: string;
  readonly client: Party;
  /** An ID token of one of its users, for its consumer client. */
  idToken(user?: string): Promise<string>;
}

export interface Market extends Operator {
  readonly issuer: string;
  readonly provider: string;
  readonly agent: string;
  readonly providerClientId: string;
  readonly providerClient: Party;
  addTenant(id: string, options?: { readonly plan?: string }): Promise<MarketTenant>;
  /** The token endpoint's answer to an exchange for the market's agent. */
  exchange(
    tenant: MarketTenant,
    idToken?: string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  /** A token with which the tenant calls the agent through the gateway. */
  callToken(tenant: MarketTenant, headers?: Readonly<Record<string, string>>): Promise<string>;
  /** A management token of the provider. */
  providerToken(): Promise<string>;
  /** The same of another client of it that has the same key. */
  managementToken(clientId: string): Promise<string>;
  /** The same market, through another process that serves it. */
  through(url: string): Market;
}

/** One provider with one agent at `upstream` (its JSON-RPC address), ready for tenants. */
export async function openMarket(operator: Operator, upstream: string): Promise<Market> {
  const provider = 'skyways';
  const agent = `${provider}/flights`;
  await call(operator, 'POST', '/v1/providers', { id: provider, name: 'Skyways' });
  await call(operator, 'POST', `/v1/providers/${provider}/agents`, {
    id: 'flights',
    card: cardFor(upstream),
  });
  await call(operator, 'POST', `/v1/agents/${agent}/publish`, { reason: 'test' });
  const providerClient = await newParty();
  const providerClientId = 'skyways-usage';
  await call(operator, 'POST', '/v1/clients', {
    id: providerClientId,
    name: 'Usage reporter',
    owner: `provider:${provider}`,
    jwks: providerClient.jwks,
    grantTypes: ['client_credentials'],
    scopes: ['usage:write', 'usage:read', 'billing:read'],
  });

  return marketOf(operator, { provider, agent, providerClientId, providerClient });
}

function marketOf(
  operator: Operator,
  facts: Pick<Market, 'provider' | 'agent' | 'providerClientId' | 'providerClient'>,
): Market {
  const { agent, providerClientId, providerClient } = facts;
  const issuer = operator.issuer ?? operator.url;

  async function token(
    client: Party,
    clientId: string,
    form: Record<string, string>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> {
    return fetch(`${operator.url}/oauth/token`, {
      method: 'POST',
      headers,
      body: new URLSearchParams({
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await clientAssertion(client, clientId, issuer),
        ...form,
      }),
    });
  }

  async function accessToken(response: Response): Promise<string> {
    const answer = (await response.json()) as { access_token?: string };
    if (answer.access_token === undefined) throw new Error(`no token: ${JSON.stringify(answer)}`);
    return answer.access_token;
  }

  const market: Market = {
    ...operator,
    ...facts,
    issuer,
    through: (url) => marketOf({ ...operator, issuer, url }, facts),
    async addTenant(id, options = {}) {
      const [idp, client] = await Promise.all([newParty(), newParty()]);
      const issuer = `https://login.${id}.example`;
      const clientId = `${id}-app`;
      await call(operator, 'POST', '/v1/tenants', { id, name: id, tier: 'standard' });
      await call(operator, 'POST', `/v1/tenants/${id}/issuers`, { issuer, jwks: idp.jwks });
      await call(operator, 'POST', '/v1/clients', {
        id: clientId,
        name: 'Consumer',
        owner: `tenant:${id}`,
        jwks: client.jwks,
        grantTypes: [
          'urn:ietf:params:oauth:grant-type:token-exchange',
          'urn:ietf:params:oauth:grant-type:jwt-bearer',
        ],
        issuerClientIds: { [issuer]: 'app' },
      });
      await call(operator, 'POST', `/v1/tenants/${id}/subscriptions`, { agent, ...options });
      return {
        id,
        issuer,
        idp,
        clientId,
        client,
        idToken: (user = 'user-1') => {
          const now = Math.floor(Date.now() / 1000);
          return idp.sign({ iss: issuer, sub: user, aud: 'app', iat: now, exp: now + 300 });
        },
      };
    },
    exchange: async (tenant, idToken, headers) =>
      token(
        tenant.client,
        tenant.clientId,
        {
          grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
          subject_token: idToken ?? (await tenant.idToken()),
          subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
          audience: agent,
        },
        headers,
      ),
    callToken: async (tenant, headers) => accessToken(await market.exchange(tenant, undefined, headers)),
    providerToken: () => market.managementToken(providerClientId),
    managementToken: async (clientId) =>
      accessToken(await token(providerClient, clientId, { grant_type: 'client_credentials' })),
  };
  return market;
}
