import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type MarketTenant } from '../support/market.ts';
import { newParty, type Party } from '../support/party.ts';
import { addProgram, agree, openStage, type Program, type Stage } from './stage.ts';
import { claimsOf, exchange, managementToken, refusal, tokenOf } from './token-endpoint.ts';

const issuer = 'https://login.platform.example';

let stage: Stage;
let idp: Party;
let app: Program;
let record: string;
let asAcme: string;
let asGlobex: string;
let asPlatform: string;
beforeAll(async () => {
  stage = await openStage();
  idp = await newParty();
  await call(stage, 'POST', '/v1/providers', { id: 'platform', name: 'Platform' });
  ({ id: record } = await call<{ id: string }>(stage, 'POST', '/v1/providers/platform/issuers', {
    issuer,
    jwks: idp.jwks,
    tenantMapping: { kind: 'claim', claim: 'org' },
  }));
  app = await addProgram(stage, {
    id: 'platform-app',
    owner: 'provider:platform',
    issuerClientIds: { [issuer]: 'app' },
  });
  await agree(stage, 'platform', 'skyways');
  const scopes = ['trust:read', 'trust:write'];
  const admin = async (owner: string) =>
    managementToken(
      stage,
      await addProgram(stage, { id: `${owner.replace(':', '-')}-admin`, owner, scopes }),
    );
  asAcme = await admin('tenant:acme');
  asGlobex = await admin('tenant:globex');
  asPlatform = await admin('provider:platform');
  await send(asAcme, 'POST', '/v1/tenants/acme/links', { issuer, externalId: 'acme-there' });
  await send(asPlatform, 'POST', links(), { externalId: 'acme-there', tenant: 'acme' });
});
afterAll(() => stage.close());

const links = () => `/v1/providers/platform/issuers/${record}/links`;

async function send(token: string, method: string, path: string, body?: unknown) {
  const response = await fetch(`${stage.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, json: (await response.json()) as Record<string, unknown> };
}

function tokenFrom(claims: Record<string, unknown>, by = idp, iss = issuer): Promise<string> {
  const iat = Math.floor(Date.now() / 1000);
  return by.sign({ iss, sub: 'user-1', aud: 'app', iat, exp: iat + 300, ...claims });
}

const as = (tenant: MarketTenant, program: Program) => ({ ...tenant, ...program });

/** Why the platform's program is refused with such a token. */
const reasonOf = async (claims: Record<string, unknown>, program = app) => {
  const subject_token = await tokenFrom(claims);
  return refusal(stage, () => exchange(stage, as(stage.acme, program), { subject_token }));
};
const tenantOf = async (claims: Record<string, unknown>) => {
  const subject_token = await tokenFrom(claims);
  return claimsOf(tokenOf(await exchange(stage, as(stage.acme, app), { subject_token })))['tenant'];
};

it('speaks for whom both sides have linked', async () => {
  expect(await tenantOf({ org: 'acme-there' })).toBe('acme');
});

describe('a platform that would speak for a tenant that did not agree', () => {
  it('cannot, whatever it says of it', async () => {
    const said = await send(asPlatform, 'POST', links(), { externalId: 'globex-there', tenant: 'globex' });
    expect(said.json['status']).toBe('waiting');
    for (const org of ['globex-there', 'globex', 'tenant:globex'])
      expect(await reasonOf({ org })).toBe('400 invalid_request subject_tenant_unlinked');
    for (const claims of [
      { tenant: 'globex' },
      { tctx: { tenant: 'globex' } },
      { org: null },
      { org: ['acme-there'] },
    ])
      expect(await reasonOf(claims)).toBe('400 invalid_request subject_tenant_unmapped');
    expect(await reasonOf({ org: 'acme-there', tenant: 'globex' })).toBe(
      '400 invalid_request subject_tenant_self_asserted',
    );
  });

  it('cannot make or take the tenant’s half', async () => {
    const path = '/v1/tenants/globex/links';
    expect((await send(asPlatform, 'POST', path, { issuer, externalId: 'globex-there' })).status).toBe(403);
    expect((await send(asPlatform, 'GET', path)).status).toBe(403);
  });

  it('learns nothing of who is a tenant', async () => {
    const say = async (tenant: string) => {
      const { status, json } = await send(asPlatform, 'POST', links(), {
        externalId: `as-${tenant}`,
        tenant,
      });
      const { id: _, tenant: __, externalId: ___, createdAt: ____, ...rest } = json;
      return { status, rest };
    };
    expect(await say('globex')).toEqual(await say('nobody'));
  });

  it('turns the mapping of what is linked to nobody’s, not to another’s', async () => {
    const change = (tenantMapping: object) =>
      send(asPlatform, 'PATCH', `/v1/providers/platform/issuers/${record}`, { tenantMapping });
    expect((await change({ kind: 'cel', expression: '"globex"' })).status).toBe(200);
    expect(await reasonOf({ org: 'acme-there' })).toBe('400 invalid_request subject_tenant_unlinked');
    expect((await change({ kind: 'claim', claim: 'org' })).status).toBe(200);
    expect(await tenantOf({ org: 'acme-there' })).toBe('acme');
  });
});

describe('a tenant that would be another at the platform', () => {
  it('is not, by saying so: the platform says otherwise', async () => {
    const said = await send(asGlobex, 'POST', '/v1/tenants/globex/links', {
      issuer,
      externalId: 'acme-there',
    });
    expect(said).toMatchObject({ status: 201, json: { status: 'waiting', tenant: 'globex' } });
    expect(await tenantOf({ org: 'acme-there' })).toBe('acme');
    // Neither in the platform's list nor in the other's is there a trace of it.
    for (const [token, path] of [
      [asPlatform, links()],
      [asAcme, '/v1/tenants/acme/links'],
    ] as const)
      expect(JSON.stringify((await send(token, 'GET', path)).json)).not.toContain(
        '"tenant":"globex","externalId":"acme-there"',
      );
    await send(asGlobex, 'DELETE', `/v1/tenants/globex/links/${String(said.json['id'])}`);
    expect(await tenantOf({ org: 'acme-there' })).toBe('acme');
  });

  it('with its own program and the platform’s token is refused', async () => {
    const spy = await addProgram(stage, {
      id: 'globex-spy',
      owner: 'tenant:globex',
      issuerClientIds: { [issuer]: 'app' },
    });
    expect(await reasonOf({ org: 'acme-there' }, spy)).toBe('400 invalid_request subject_of_other_tenant');
  });

  it('with an issuer of its own that maps to the other is refused', async () => {
    const own = 'https://second.globex.example';
    const party = await newParty();
    const { id } = await call<{ id: string }>(stage, 'POST', '/v1/tenants/globex/issuers', {
      issuer: own,
      jwks: party.jwks,
      tenantMapping: { kind: 'cel', expression: '"acme-there"' },
    });
    await send(asGlobex, 'POST', `/v1/tenants/globex/issuers/${id}/links`, {
      externalId: 'acme-there',
      tenant: 'acme',
    });
    const program = await addProgram(stage, {
      id: 'globex-second',
      owner: 'tenant:globex',
      issuerClientIds: { [own]: 'app' },
    });
    const subject_token = await tokenFrom({}, party, own);
    expect(await refusal(stage, () => exchange(stage, as(stage.globex, program), { subject_token }))).toBe(
      '400 invalid_request subject_tenant_unlinked',
    );
  });

  it('cannot take away the other’s link', async () => {
    const { json } = await send(asAcme, 'GET', '/v1/tenants/acme/links');
    const [link] = json['items'] as { id: string }[];
    for (const path of [`/v1/tenants/acme/links/${link?.id}`, `${links()}/${link?.id}`])
      expect((await send(asGlobex, 'DELETE', path)).status).toBe(403);
    expect((await send(asGlobex, 'DELETE', `/v1/tenants/globex/links/${link?.id}`)).status).toBe(404);
    expect(await tenantOf({ org: 'acme-there' })).toBe('acme');
  });
});

describe('an expression', () => {
  it.each([
    ['that walks in circles', 'claims.a.all(x, claims.a.all(y, claims.a.all(z, true))) ? "a" : "b"'],
    ['that multiplies', 'claims.a.map(x, claims.a.map(y, x + y))[0][0]'],
    ['with a regular expression', 'claims.a.matches("(a*)*(a*)*b") ? "a" : "b"'],
    ['that grows its text', 'claims.a.replace("a", "aaaaaaaaaa").replace("a", "aaaaaaaaaa")'],
    ['that asks for what is not there', 'process.env.HOME'],
    ['that makes a message', 'google.protobuf.Value{string_value: "a"}.string_value'],
    ['that is endlessly negated', `${'!'.repeat(500)}true ? "a" : "b"`],
    ['that is deep', `${'('.repeat(255)}claims${')'.repeat(255)}.org`],
    ['that is long', `"${'a'.repeat(600)}"`],
  ])('%s is refused when it is written', async (_, expression) => {
    const { status } = await send(asPlatform, 'PATCH', `/v1/providers/platform/issuers/${record}`, {
      tenantMapping: { kind: 'cel', expression },
    });
    expect([400, 422]).toContain(status);
  });

  it('cannot reach what objects inherit', async () => {
    const mapping = (expression: string) =>
      call(stage, 'PATCH', `/v1/providers/platform/issuers/${record}`, {
        tenantMapping: { kind: 'cel', expression },
      });
    for (const name of ['constructor', '__proto__', 'toString', 'hasOwnProperty']) {
      await mapping(`string(claims.${name})`);
      expect(await reasonOf({ org: 'acme-there' })).toBe('400 invalid_request subject_tenant_unmapped');
    }
    await call(stage, 'PATCH', `/v1/providers/platform/issuers/${record}`, {
      tenantMapping: { kind: 'claim', claim: 'org' },
    });
  });
});
