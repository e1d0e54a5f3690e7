import { randomUUID } from 'node:crypto';
import { type RunningBroker, runBroker } from '../support/broker-in-process.ts';
import { call, cardFor, type Market, type MarketTenant, openMarket } from '../support/market.ts';
import { clientAssertion, newParty, type Party } from '../support/party.ts';

type Overrides = NonNullable<Parameters<typeof runBroker>[0]>;

export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
export const bearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const tokenType = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const;

/** What the token endpoint answered. */
export interface TokenResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: {
    readonly access_token?: string;
    readonly issued_token_type?: string;
    readonly token_type?: string;
    readonly expires_in?: number;
    readonly scope?: string;
    readonly error?: string;
    readonly error_description?: string;
  };
}

export type FormPairs = readonly (readonly [string, string])[];

/** A whole broker behind a real socket: a provider with the agents `skyways/flights` and `skyways/trains`, a tenant with its program. */
export interface Stage {
  readonly broker: RunningBroker;
  readonly url: string;
  readonly market: Market;
  readonly acme: MarketTenant;
  /** The program that `skyways/flights` is. */
  readonly flights: Party;
  readonly flightsClientId: string;
  /** A form as it is, to the token endpoint. */
  post(
    form: FormPairs | URLSearchParams | string,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TokenResponse>;
  /** A complete token exchange of the tenant's program; `undefined` leaves a parameter out. */
  exchange(
    changes?: Readonly<Record<string, string | undefined>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TokenResponse>;
  /** The agent passes on a token that it was called with, to a second agent of its own company, `skyways/trains`. */
  passOn(
    subjectToken: string,
    changes?: Readonly<Record<string, string | undefined>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TokenResponse>;
  /** What the tenant's identity provider makes for the broker, for its program to redeem once. */
  idJag(changes?: Readonly<Record<string, unknown>>): Promise<string>;
  /** Client credentials of the provider's program `skyways-usage`. */
  clientCredentials(
    changes?: Readonly<Record<string, string | undefined>>,
    headers?: Readonly<Record<string, string>>,
  ): Promise<TokenResponse>;
  close(): Promise<void>;
}

/** Nothing is at the agents' addresses: no call of these tests gets that far. */
export const flightsUrl = 'http://127.0.0.1:9/flights/rpc';
const trainsUrl = 'http://127.0.0.1:9/trains/rpc';

export async function openStage(
  overrides: Overrides = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Stage> {
  const broker = await runBroker(overrides, env);
  const { url } = broker;
  const market = await openMarket(broker, flightsUrl);
  const acme = await market.addTenant('acme');
  await call(broker, 'POST', '/v1/providers/skyways/agents', { id: 'trains', card: cardFor(trainsUrl) });
  await call(broker, 'POST', '/v1/agents/skyways/trains/publish', { reason: 'test' });
  await call(broker, 'POST', '/v1/tenants/acme/subscriptions', { agent: 'skyways/trains' });
  const flights = await newParty();
  const flightsClientId = 'skyways-flights';
  await call(broker, 'POST', '/v1/clients', {
    id: flightsClientId,
    name: 'Flights',
    owner: 'provider:skyways',
    agent: market.agent,
    jwks: flights.jwks,
    grantTypes: [exchangeGrant],
  });

  const post: Stage['post'] = async (form, headers = {}) => {
    const body = typeof form === 'string' ? form : new URLSearchParams(form as [string, string][]).toString();
    const response = await fetch(`${url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      body,
    });
    const text = await response.text();
    return {
      status: response.status,
      headers: response.headers,
      body: JSON.parse(text) as TokenResponse['body'],
    };
  };
  const send = async (
    party: Party,
    clientId: string,
    form: Readonly<Record<string, string | undefined>>,
    headers: Readonly<Record<string, string>> = {},
  ): Promise<TokenResponse> => {
    const all = {
      client_assertion_type: assertionType,
      client_assertion: await clientAssertion(party, clientId, url),
      ...form,
    };
    return post(
      Object.entries(all).filter((pair): pair is [string, string] => pair[1] !== undefined),
      headers,
    );
  };

  return {
    broker,
    url,
    market,
    acme,
    flights,
    flightsClientId,
    post,
    exchange: async (changes = {}, headers = {}) =>
      send(
        acme.client,
        acme.clientId,
        {
          grant_type: exchangeGrant,
          subject_token: await acme.idToken(),
          subject_token_type: tokenType.idToken,
          audience: market.agent,
          ...changes,
        },
        headers,
      ),
    passOn: (subjectToken, changes = {}, headers = {}) =>
      send(
        flights,
        flightsClientId,
        {
          grant_type: exchangeGrant,
          subject_token: subjectToken,
          subject_token_type: tokenType.accessToken,
          audience: 'skyways/trains',
          ...changes,
        },
        headers,
      ),
    clientCredentials: (changes = {}, headers = {}) =>
      send(
        market.providerClient,
        market.providerClientId,
        { grant_type: 'client_credentials', ...changes },
        headers,
      ),
    idJag: (changes = {}) => {
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: acme.issuer, sub: 'user-1', aud: url, client_id: acme.clientId };
      return acme.idp.sign(
        { ...claims, jti: randomUUID(), iat: now, exp: now + 60, ...changes },
        { typ: 'oauth-id-jag+jwt' },
      );
    },
    close: () => broker.close(),
  };
}
