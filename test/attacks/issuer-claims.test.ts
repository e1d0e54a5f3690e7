import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call } from '../support/market.ts';
import { newParty, type Party } from '../support/party.ts';
import { type IssuerSite, openIssuerSite, signProof } from '../trust/issuer-site.ts';
import { hostileAnswers, hostileServer } from './hostile-server.ts';
import { addProgram, openStage, type Stage } from './stage.ts';
import { exchange, managementToken, refusal } from './token-endpoint.ts';

interface Claim {
  readonly id: string;
  readonly issuer: string;
  readonly status: string;
  readonly challenge?: { readonly value: string; readonly audience: string };
}

let stage: Stage;
/** The broker's clock, against the machine's. */
let ahead = 0;
let site: IssuerSite;
let asGlobex: string;
let asAcme: string;
beforeAll(async () => {
  stage = await openStage({ clock: { now: () => Date.now() + ahead } });
  const scopes = ['trust:read', 'trust:write'];
  const admin = async (tenant: string) =>
    managementToken(
      stage,
      await addProgram(stage, { id: `${tenant}-admin`, owner: `tenant:${tenant}`, scopes }),
    );
  [asGlobex, asAcme] = await Promise.all([admin('globex'), admin('acme')]);
});
beforeEach(async () => {
  site = await openIssuerSite();
});
afterEach(() => site.close());
afterAll(() => stage.close());

async function send(token: string, method: string, path: string, body?: unknown) {
  const response = await fetch(`${stage.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const json = (await response.json()) as Claim & { readonly code?: string; readonly detail?: string };
  return { status: response.status, json, headers: response.headers };
}

const claim = async (tenant: string, token: string, issuer = site.issuer, jwksUri = site.jwksUri) =>
  (await send(token, 'POST', `/v1/tenants/${tenant}/issuers`, { issuer, jwksUri })).json;
const verify = (tenant: string, token: string, { id }: Claim, body: object = {}) =>
  send(token, 'POST', `/v1/tenants/${tenant}/issuers/${id}/verify`, body);
const proofFor = ({ issuer, challenge }: Claim, by = site.key, changes = {}, header = {}) =>
  signProof(by, { issuer, challenge: challenge?.value, broker: stage.url, now: Date.now() }, changes, header);

/** Whether the tenant's program may come with a token that this issuer has signed. */
async function reasonOf(tenant: 'acme' | 'globex', from = site): Promise<string> {
  const program = await addProgram(stage, {
    id: `${tenant}-${from.issuer.replaceAll(/\W+/g, '-')}`,
    owner: `tenant:${tenant}`,
    issuerClientIds: { [from.issuer]: 'app' },
  });
  const iat = Math.floor(Date.now() / 1000);
  const subject_token = await from.key.sign({
    iss: from.issuer,
    sub: 'user-1',
    aud: 'app',
    iat,
    exp: iat + 300,
  });
  return refusal(stage, () => exchange(stage, { ...stage[tenant], ...program }, { subject_token }));
}

describe('who claims another’s issuer', () => {
  it('learns nothing: one that is taken looks like one that nobody has', async () => {
    const shape = async (issuer: string) => {
      const { status, json, headers } = await send(asGlobex, 'POST', '/v1/tenants/globex/issuers', {
        issuer,
        jwks: stage.globex.idp.jwks,
      });
      const { id: _, issuer: __, challenge, createdAt: ___, ...rest } = json as Claim & { createdAt: string };
      const names = [...headers.keys()].filter((name) => name !== 'content-length').toSorted();
      return { status, rest, challenge: Object.keys(challenge ?? {}), names };
    };
    expect(await shape(stage.acme.issuer)).toEqual(await shape('https://login.free.example'));
  });

  it('gets nothing by it: tokens of the issuer still are its owner’s users', async () => {
    await claim('globex', asGlobex, stage.acme.issuer, site.jwksUri);
    expect((await exchange(stage, stage.acme)).status).toBe(200);
    const iat = Math.floor(Date.now() / 1000);
    const claims = { iss: stage.acme.issuer, sub: 'user-1', aud: 'app', iat, exp: iat + 300 };
    const subject_token = await site.key.sign(claims);
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token }))).toBe(
      '400 invalid_request token_key_unknown',
    );
  });

  it('keeps nobody from it', async () => {
    const squatted = await claim('globex', asGlobex);
    const owned = await claim('acme', asAcme);
    site.publish(await proofFor(owned));
    expect((await verify('acme', asAcme, owned)).json).toMatchObject({ status: 'active' });
    expect((await verify('globex', asGlobex, squatted)).json).toMatchObject({ code: 'issuer_unproven' });
  });

  it('cannot use another’s record, by its id, in any way', async () => {
    const owned = await claim('acme', asAcme);
    const path = `/v1/tenants/globex/issuers/${owned.id}`;
    for (const [method, of, body] of [
      ['GET', '', undefined],
      ['PATCH', '', { audience: 'x' }],
      ['POST', '/verify', {}],
      ['POST', '/disable', undefined],
    ] as const) {
      const unknown = await send(asGlobex, method, `/v1/tenants/globex/issuers/trs_none${of}`, body);
      const foreign = await send(asGlobex, method, path + of, body);
      expect([foreign.status, foreign.json.code]).toEqual([404, 'not_found']);
      expect(foreign.json.detail).toBe(unknown.json.detail?.replace('trs_none', owned.id));
    }
  });
});

describe('a proof', () => {
  const problemOf = async (claimed: Claim, body: object = {}, tenant: 'acme' | 'globex' = 'globex') => {
    const { status, json } = await verify(tenant, tenant === 'acme' ? asAcme : asGlobex, claimed, body);
    return `${status} ${json.code ?? json.status}`;
  };

  it.each([
    ['for another broker', () => ({}), { aud: 'https://other.example' }],
    ['for two brokers', () => ({}), { aud: ['https://other.example', 'x'] }],
    ['for another issuer', () => ({}), { iss: 'https://login.acme.example' }],
    ['that says it for ever', () => ({}), { exp: 4e9 }],
    ['that is over', () => ({}), { iat: 1, exp: 2 }],
    ['that the issuer signed as an ID token', () => ({ typ: 'JWT' }), {}],
    ['that the issuer signed as an access token', () => ({ typ: 'at+jwt' }), {}],
    ['that brings its own key', () => ({ jku: `${site.issuer}/jwks` }), {}],
  ])('%s is none', async (_, header, changes) => {
    const claimed = await claim('globex', asGlobex);
    site.publish(await proofFor(claimed, site.key, changes, header()));
    expect(await problemOf(claimed)).toBe('422 issuer_unproven');
    expect(await reasonOf('globex')).toBe('400 invalid_request token_issuer_unknown');
  });

  it('of one record is none for another of the same issuer', async () => {
    const owned = await claim('acme', asAcme);
    const claimed = await claim('globex', asGlobex);
    site.publish(await proofFor(owned));
    expect(await problemOf(claimed)).toBe('422 issuer_unproven');
  });

  it('by a key that only the claimant knows is none, wherever its key set is', async () => {
    const evil = await openIssuerSite();
    const claimed = await claim('globex', asGlobex, site.issuer, evil.jwksUri);
    for (const by of [evil.key, site.key]) {
      site.publish(await proofFor(claimed, by));
      expect(await problemOf(claimed)).toBe('422 issuer_unproven');
    }
    await evil.close();
  });

  it('that is handed over, without anything in DNS, is none', async () => {
    const claimed = await claim('globex', asGlobex);
    expect(await problemOf(claimed, { proof: await proofFor(claimed) })).toBe('422 issuer_unproven');
    expect(await problemOf(claimed, { proof: 'x'.repeat(9000) })).toBe('400 invalid_request');
  });

  it('under another path of the same origin is none for the rest of it', async () => {
    const shared = await openIssuerSite('/tenants/globex');
    const claimed = await claim(
      'globex',
      asGlobex,
      shared.issuer.replace('/tenants/globex', ''),
      shared.jwksUri,
    );
    shared.publish(await proofFor(claimed, shared.key));
    expect(await problemOf(claimed)).toBe('422 issuer_unproven');
    await shared.close();
  });

  it.each(['/', '//', '/.', '?x=1', '#x'])(
    'of the issuer with %j behind it is not one of the issuer',
    async (more) => {
      const { json, status } = await send(asGlobex, 'POST', '/v1/tenants/globex/issuers', {
        issuer: site.issuer + more,
        jwksUri: site.jwksUri,
      });
      if (status === 400) return;
      site.publish(await proofFor(json));
      expect(await problemOf(json)).toBe('422 issuer_unproven');
    },
  );

  it.each(hostileAnswers)('behind a document that is %s is none', async (_, listener) => {
    const hostile = await hostileServer(listener);
    const claimed = await claim('globex', asGlobex, hostile.url);
    expect(await problemOf(claimed)).toBe('422 issuer_unproven');
    await hostile.close();
  });
});

describe('who has got hold of an issuer’s address', () => {
  it('and publishes keys of its own, ends the trust instead of taking it over', async () => {
    const record = await call<Claim>(stage, 'POST', '/v1/tenants/acme/issuers', {
      issuer: site.issuer,
      jwksUri: site.jwksUri,
    });
    const program = await addProgram(stage, {
      id: 'acme-second',
      owner: 'tenant:acme',
      issuerClientIds: { [site.issuer]: 'app' },
    });
    const thief = await newParty();
    const come = async (by: Party) => {
      const iat = Math.floor(Date.now() / 1000);
      const claims = { iss: site.issuer, sub: 'user-1', aud: 'app', iat, exp: iat + 300 };
      return exchange(stage, { ...stage.acme, ...program }, { subject_token: await by.sign(claims) });
    };
    expect((await come(site.key)).status).toBe(200);
    site.documents.set('/jwks', JSON.stringify(thief.jwks));
    // An id that is not known has the keys fetched again, five seconds after they were.
    ahead = 5_000;
    expect((await come(thief)).status).toBe(400);
    const { json } = await send(stage.token, 'GET', `/v1/tenants/acme/issuers/${record.id}`);
    expect(json.status).toBe('keys_replaced');
    for (const by of [thief, site.key])
      expect(await refusal(stage, () => come(by))).toBe('400 invalid_request token_issuer_unknown');
    expect((await exchange(stage, stage.acme)).status).toBe(200);
  });
});
