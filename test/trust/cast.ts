import { randomUUID } from 'node:crypto';
import { createLocalJWKSet, type JWTPayload, jwtVerify, type JWTVerifyResult } from 'jose';
import { expect } from 'vitest';
import type { Registry } from '../../src/registry/index.ts';
import type { Tenancy } from '../../src/tenancy/index.ts';
import type { Trust } from '../../src/trust/index.ts';
import { epochSeconds } from '../../src/kernel/clock.ts';
import { cardFor } from '../support/market.ts';
import { newParty, type Party } from '../support/party.ts';
import { brokerUrl, operator, type TrustWorld } from './world.ts';

export const tokenType = {
  accessToken: 'urn:ietf:params:oauth:token-type:access_token',
  idToken: 'urn:ietf:params:oauth:token-type:id_token',
  jwt: 'urn:ietf:params:oauth:token-type:jwt',
} as const;
export const exchangeGrant = 'urn:ietf:params:oauth:grant-type:token-exchange';
export const bearerGrant = 'urn:ietf:params:oauth:grant-type:jwt-bearer';
export const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';

type Claims = Readonly<Record<string, unknown>>;
type Form = Readonly<Record<string, string | undefined>>;
type NewClient = Parameters<Trust['registerClient']>[0];
type TokenAnswer = Awaited<ReturnType<Trust['issueToken']>>;

/** A program with a key of its own. */
export interface Program {
  readonly id: string;
  readonly party: Party;
  /** `private_key_jwt`, good for one request; `undefined` leaves a claim out. */
  assertion(changes?: Claims, header?: Readonly<Record<string, string>>): Promise<string>;
}

export function programOf(world: TrustWorld, id: string, party: Party): Program {
  return {
    id,
    party,
    assertion: (changes = {}, header = {}) => {
      const now = epochSeconds(world.clock);
      return party.sign(
        { iss: id, sub: id, aud: brokerUrl, jti: randomUUID(), iat: now, exp: now + 60, ...changes },
        header,
      );
    },
  };
}

/** Claims whose times are given in seconds from now. */
export function fromNow(world: TrustWorld, claims: Claims): Claims {
  const now = epochSeconds(world.clock);
  const times = ['exp', 'iat', 'nbf'];
  return Object.fromEntries(
    Object.entries(claims).map(([name, value]) => [
      name,
      typeof value === 'number' && times.includes(name) ? now + value : value,
    ]),
  );
}

/** Registers a program with a new key, or with this one; for token exchange unless it says otherwise. */
export async function addClient(
  world: TrustWorld,
  client: Pick<NewClient, 'owner'> & Partial<NewClient> & { id: string },
  key?: Party,
): Promise<Program> {
  const party = key ?? (await newParty());
  const keys = client.jwksUri === undefined ? { jwks: jwksOf(party) } : {};
  await world.trust.registerClient(
    { name: client.id, grantTypes: [exchangeGrant], scopes: [], ...keys, ...client },
    operator,
  );
  return programOf(world, client.id, party);
}

/** What the room takes as a key set; jose's own type of a key is looser than node's. */
export function jwksOf(party: Party): NonNullable<NewClient['jwks']> {
  return party.jwks as NonNullable<NewClient['jwks']>;
}

export interface CastTenant {
  readonly id: string;
  readonly issuer: string;
  readonly issuerId: string;
  readonly idp: Party;
  /** The tenant's own consumer program, `app` at the tenant's issuer. */
  readonly app: Program;
  /** An ID token of its user `user-1` for `app`, good for an hour. */
  idToken(changes?: Claims, header?: Readonly<Record<string, string>>): Promise<string>;
  /** An ID-JAG about `user-1` for `app`, good once and for a minute. */
  idJag(changes?: Claims, header?: Readonly<Record<string, string>>): Promise<string>;
}

export async function addTenant(
  world: TrustWorld,
  id: string,
  options: Partial<Parameters<Tenancy['createTenant']>[0]> & Pick<NewClient, 'callScopes'> = {},
): Promise<CastTenant> {
  const { callScopes, ...tenant } = options;
  const issuer = `https://login.${id}.example`;
  const idp = await newParty();
  await world.tenancy.createTenant({ id, name: id, tier: 'standard', ...tenant }, operator);
  const record = await world.trust.registerIssuer(`tenant:${id}`, { issuer, jwks: jwksOf(idp) }, operator);
  const app = await addClient(world, {
    id: `${id}-app`,
    owner: `tenant:${id}`,
    issuerClientIds: { [issuer]: 'app' },
    grantTypes: [exchangeGrant, bearerGrant],
    ...(callScopes === undefined ? {} : { callScopes }),
  });
  return {
    id,
    issuer,
    issuerId: record.id,
    idp,
    app,
    idToken: (changes = {}, header = {}) => {
      const now = epochSeconds(world.clock);
      return idp.sign(
        { iss: issuer, sub: 'user-1', aud: 'app', iat: now, exp: now + 3600, ...changes },
        header,
      );
    },
    idJag: (changes = {}, header = {}) => {
      const now = epochSeconds(world.clock);
      const claims = {
        iss: issuer,
        sub: 'user-1',
        aud: brokerUrl,
        client_id: app.id,
        jti: randomUUID(),
        iat: now,
        exp: now + 60,
      };
      return idp.sign({ ...claims, ...changes }, { typ: 'oauth-id-jag+jwt', ...header });
    },
  };
}

export interface CastAgent {
  readonly id: string;
  readonly provider: string;
  readonly resource: string;
  /** The program that the agent is. */
  readonly program: Program;
}

/** A published agent, of a provider that is admitted when it is new, and the client that the agent is. */
export async function addAgent(
  world: TrustWorld,
  id: string,
  options: Partial<Parameters<Registry['registerAgent']>[1]> & Pick<NewClient, 'callScopes'> = {},
): Promise<CastAgent> {
  const { callScopes, ...more } = options;
  const [provider = '', name = ''] = id.split('/');
  if ((await world.registry.getProvider(provider)) === undefined)
    await world.registry.admitProvider({ id: provider, name: provider }, operator);
  const resource = `https://${provider}.example/${name}/rpc`;
  await world.registry.registerAgent(
    provider,
    { id: name, card: JSON.stringify(cardFor(resource)), ...more },
    operator,
  );
  await world.registry.moveAgent(id, 'publish', undefined, { by: operator });
  const program = await addClient(world, {
    id: `${provider}-${name}`,
    owner: `provider:${provider}`,
    agent: id,
    ...(callScopes === undefined ? {} : { callScopes }),
  });
  return { id, provider, resource, program };
}

/** Subscribes the tenant to each agent, with all that they publish. */
export async function subscribe(
  world: TrustWorld,
  tenant: CastTenant,
  ...agents: readonly CastAgent[]
): Promise<void> {
  for (const { id } of agents) await world.tenancy.subscribe(tenant.id, { agent: id }, operator);
}

type Terms = Partial<Omit<Parameters<Trust['makeAgreement']>[0], 'from' | 'to'>>;

export function agree(world: TrustWorld, from: CastAgent, to: CastAgent, terms: Terms = {}) {
  return world.trust.makeAgreement(
    { from: `provider:${from.provider}`, to: `provider:${to.provider}`, ...terms },
    operator,
  );
}

/** `POST /oauth/token` as this program; `undefined` leaves a parameter out. */
export async function ask(
  world: TrustWorld,
  program: Program,
  form: Form,
  proof?: string,
): Promise<TokenAnswer> {
  const parameters = {
    client_assertion_type: assertionType,
    client_assertion: await program.assertion(),
    ...form,
  };
  const sent = Object.entries(parameters).filter((pair): pair is [string, string] => pair[1] !== undefined);
  return world.trust.issueToken(
    'application/x-www-form-urlencoded',
    new URLSearchParams(Object.fromEntries(sent)).toString(),
    proof,
  );
}

/** The first hop: a token of the tenant's issuer for one that the agent is called with. */
export function exchange(
  world: TrustWorld,
  program: Program,
  subjectToken: string,
  form: Form,
): Promise<TokenAnswer> {
  return ask(world, program, {
    grant_type: exchangeGrant,
    subject_token: subjectToken,
    subject_token_type: tokenType.idToken,
    ...form,
  });
}

/** RFC 7523 §2.1: an assertion that was made for the broker, for a token that the agent is called with. */
export function redeem(
  world: TrustWorld,
  program: Program,
  assertion: string,
  form: Form,
): Promise<TokenAnswer> {
  return ask(world, program, { grant_type: bearerGrant, assertion, ...form });
}

/** A later hop: the called agent passes on what it received. */
export function passOn(
  world: TrustWorld,
  agent: CastAgent,
  received: TokenAnswer,
  form: Form,
): Promise<TokenAnswer> {
  return exchange(world, agent.program, received.access_token, {
    subject_token_type: tokenType.accessToken,
    ...form,
  });
}

/** What came of it: the scope that was granted, or why it was refused as {@link refusal} says it. */
export async function outcome(attempt: Promise<TokenAnswer>): Promise<string> {
  return attempt.then(({ scope }) => scope, describeRefusal);
}

/** Why it was refused: the OAuth error, and the rule that the audit log names. */
export async function refusal(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(() => expect.fail('this should have been refused'), describeRefusal);
}

/** Anything but a refusal is thrown on. */
function describeRefusal(error: unknown): string {
  if (error instanceof Error && 'code' in error && 'reason' in error)
    return `${String(error.code)} ${String(error.reason)}`;
  throw error;
}

/** The claims, after any verifier's checks: our published keys, `typ`, issuer, times. */
export async function claimsOf(world: TrustWorld, { access_token }: TokenAnswer): Promise<JWTPayload> {
  return (await verified(world, access_token)).payload;
}

export function verified(world: TrustWorld, token: string, typ = 'at+jwt'): Promise<JWTVerifyResult> {
  const jwks = world.keys.jwks() as Parameters<typeof createLocalJWKSet>[0];
  return jwtVerify(token, createLocalJWKSet(jwks), {
    issuer: brokerUrl,
    typ,
    algorithms: ['ES256'],
    currentDate: new Date(world.clock.now()),
  });
}
