import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call, type MarketTenant } from '../support/market.ts';
import { newParty } from '../support/party.ts';
import { addCompany, addProgram, type Company, openStage, type Stage } from './stage.ts';
import { claimsOf, exchange, refusal, managementToken, tokenOf } from './token-endpoint.ts';

let stage: Stage;
let lodging: Company;
beforeAll(async () => {
  stage = await openStage();
  lodging = await addCompany(stage, 'lodging/hotels', [stage.acme, stage.globex]);
});
afterAll(() => stage.close());

const claims = async (tenant: MarketTenant, form = {}) =>
  claimsOf(tokenOf(await exchange(stage, tenant, form)));

/** An ID token of the tenant's own issuer with whatever it claims. */
function idToken({ idp, issuer }: MarketTenant, more: Record<string, unknown>): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return idp.sign({ iss: issuer, sub: 'user-1', aud: 'app', iat: now, exp: now + 300, ...more });
}

describe('tenant X’s user through tenant Y’s program', () => {
  it('is refused, because the token was not issued to that program', async () => {
    const subject_token = await stage.acme.idToken();
    expect(await refusal(stage, () => exchange(stage, stage.globex, { subject_token }))).toBe(
      '400 invalid_request token_audience_wrong',
    );
  });

  it('is refused even when the program is registered at X’s issuer', async () => {
    const program = await addProgram(stage, {
      id: 'globex-spy',
      owner: 'tenant:globex',
      issuerClientIds: { [stage.acme.issuer]: 'app' },
    });
    const subject_token = await stage.acme.idToken();
    expect(
      await refusal(stage, () => exchange(stage, { ...stage.globex, ...program }, { subject_token })),
    ).toBe('400 invalid_request subject_of_other_tenant');
  });

  it('is refused the other way round: Y’s assertion with X’s client id', async () => {
    expect(
      await refusal(stage, () => exchange(stage, stage.globex, { client_id: stage.acme.clientId })),
    ).toBe('401 invalid_client client_id_differs');
  });
});

/** What does not change from token to token. */
function lasting({
  iat: _,
  exp: __,
  jti: ___,
  txn: ____,
  ...kept
}: Readonly<Record<string, unknown>>): object {
  return kept;
}

describe('a tenant that says it is another', () => {
  it.each([
    { tenant: 'globex' },
    { aud_tenant: 'globex-account' },
    { tctx: { tier: 'unlimited', region: 'moon' } },
    { txn: 'txn_of_somebody_else' },
    { client_id: 'app', scope: 'everything' },
    { entitlements: ['admin'], groups: ['operators'] },
  ])('in its ID token with %o is believed nothing', async (lies) => {
    const got = await claims(stage.acme, { subject_token: await idToken(stage.acme, lies) });
    expect(lasting(got)).toEqual(lasting(await claims(stage.acme)));
    expect(got['txn']).not.toBe('txn_of_somebody_else');
  });

  it('to a provider, by naming another’s account there, is refused by the management API', async () => {
    const program = await addProgram(stage, {
      id: 'acme-admin',
      owner: 'tenant:acme',
      scopes: ['tenancy:write'],
    });
    const { url } = stage;
    const self = { url, token: await managementToken(stage, program) };
    const agent = (await addCompany(stage, 'bank/ledger')).agent;
    const subscribe = (more: object) =>
      call(self, 'POST', '/v1/tenants/acme/subscriptions', { agent, ...more });
    stage.store.written();
    await expect(subscribe({ audTenant: 'globex-account' })).rejects.toThrow(/403 .*"forbidden"/);
    await expect(subscribe({ plan: 'cheapest' })).rejects.toThrow(/403 .*"forbidden"/);
    // That it was tried is in the audit log.
    expect(stage.store.written()).toEqual(new Set(['audit']));
    await subscribe({});
    expect(await claims(stage.acme, { audience: agent })).not.toHaveProperty('aud_tenant');
  });
});

describe('what a provider sees of a user', () => {
  it('differs for the same `sub` in two tenants', async () => {
    const [acme, globex] = [await claims(stage.acme), await claims(stage.globex)];
    expect([acme['tenant'], globex['tenant']]).toEqual(['acme', 'globex']);
    expect(acme['sub']).not.toBe(globex['sub']);
  });

  it('cannot be linked with what another provider sees', async () => {
    const here = await claims(stage.acme);
    const there = await claims(stage.acme, { audience: lodging.agent });
    expect(here['sub']).not.toBe(there['sub']);
    expect(JSON.stringify([here, there])).not.toContain('user-1');
  });

  it('is the same again for the same user', async () => {
    expect((await claims(stage.acme))['sub']).toBe((await claims(stage.acme))['sub']);
  });

  it('does not collide where issuer, tenant and user run into each other', async () => {
    const { market } = stage;
    const tenantWith = async (id: string, issuer: string, sub: string): Promise<unknown> => {
      const [idp, client] = [await newParty(), await newParty()];
      await call(stage, 'POST', '/v1/tenants', { id, name: id, tier: 'standard' });
      await call(stage, 'POST', `/v1/tenants/${id}/issuers`, { issuer, jwks: idp.jwks });
      await call(stage, 'POST', `/v1/tenants/${id}/subscriptions`, { agent: market.agent });
      await call(stage, 'POST', '/v1/clients', {
        id: `${id}-app`,
        name: id,
        owner: `tenant:${id}`,
        jwks: client.jwks,
        grantTypes: ['urn:ietf:params:oauth:grant-type:token-exchange'],
        issuerClientIds: { [issuer]: 'app' },
      });
      const tenant = { id, issuer, idp, clientId: `${id}-app`, client, idToken: () => Promise.resolve('') };
      const subject_token = await idToken(tenant, { sub });
      return (await claims(tenant, { subject_token }))['sub'];
    };
    // Each is `https://id.exampleabcde` when its parts are put side by side.
    const subjects = [
      await tenantWith('bc', 'https://id.examplea', 'de'),
      await tenantWith('cd', 'https://id.exampleab', 'e'),
      await tenantWith('d', 'https://id.exampleabc', 'e'),
    ];
    expect(new Set(subjects).size).toBe(3);
  });
});
