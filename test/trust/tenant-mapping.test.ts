import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Party as Owner, Principal } from '../../src/kernel/principal.ts';
import { newParty, type Party } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addClient,
  addTenant,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  jwksOf,
  outcome,
  type Program,
  subscribe,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

const issuer = 'https://login.platform.example';
const admin = (owner: Owner): Principal => ({ kind: 'client', clientId: 'admin', owner, scopes: [] });
const byPlatform = admin('provider:platform');
const byAcme = admin('tenant:acme');
const byGlobex = admin('tenant:globex');
const granted = 'a2a:invoke a2a:read';
const unlinked = 'invalid_request subject_tenant_unlinked';
const unmapped = 'invalid_request subject_tenant_unmapped';

describe.each(engines)('an issuer that serves many tenants, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let globex: CastTenant;
  let flights: CastAgent;
  let idp: Party;
  let app: Program;
  let record: string;

  beforeEach(async () => {
    world = await openTrust(engine);
    flights = await addAgent(world, 'skyways/flights');
    await world.registry.admitProvider({ id: 'platform', name: 'Platform' }, operator);
    acme = await addTenant(world, 'acme');
    globex = await addTenant(world, 'globex');
    for (const tenant of [acme, globex]) await subscribe(world, tenant, flights);
    idp = await newParty();
    ({ id: record } = await world.trust.registerIssuer(
      'provider:platform',
      { issuer, jwks: jwksOf(idp), tenantMapping: { kind: 'claim', claim: 'org' } },
      operator,
    ));
    app = await addClient(world, {
      id: 'platform-app',
      owner: 'provider:platform',
      issuerClientIds: { [issuer]: 'app' },
    });
    await world.trust.makeAgreement({ from: 'provider:platform', to: 'provider:skyways' }, operator);
  });
  afterEach(() => world.dispose());

  const tokenOf = (claims: Record<string, unknown>) => {
    const iat = Math.floor(world.clock.now() / 1000);
    return idp.sign({ iss: issuer, sub: 'u', aud: 'app', iat, exp: iat + 300, ...claims });
  };
  const come = async (claims: Record<string, unknown>, program = app) =>
    exchange(world, program, await tokenOf(claims), { audience: flights.id });
  const hop = (claims: Record<string, unknown>, program = app) => outcome(come(claims, program));
  const agree = (externalId: string, by: Principal = byAcme, tenant = 'acme') =>
    world.trust.agreeToLink(tenant, { issuer, externalId }, by);
  const say = (externalId: string, tenant = 'acme', by: Principal = byPlatform) =>
    world.trust.stateLink('provider:platform', record, { externalId, tenant }, by);
  const map = (tenantMapping: Parameters<typeof world.trust.registerIssuer>[1]['tenantMapping']) =>
    world.trust.changeIssuer(
      'provider:platform',
      record,
      tenantMapping === undefined ? {} : { tenantMapping },
      { by: byPlatform, version: undefined },
    );

  it('speaks for the tenant that its owner names and that agrees, in either order', async () => {
    expect(await hop({ org: 'o-1' })).toBe(unlinked);
    expect(await agree('o-1')).toMatchObject({ tenant: 'acme', externalId: 'o-1', status: 'waiting' });
    expect(await hop({ org: 'o-1' })).toBe(unlinked);
    expect(await say('o-1')).toMatchObject({ tenant: 'acme', externalId: 'o-1', status: 'active' });
    expect((await claimsOf(world, await come({ org: 'o-1' })))['tenant']).toBe('acme');

    expect(await say('o-2', 'globex')).toMatchObject({ status: 'waiting' });
    expect(await hop({ org: 'o-2' })).toBe(unlinked);
    expect(await agree('o-2', byGlobex, 'globex')).toMatchObject({ status: 'active' });
    expect((await claimsOf(world, await come({ org: 'o-2' })))['tenant']).toBe('globex');
    expect((await trail(world.audit)).filter(({ action }) => action === 'tenant-link.make')).toEqual([
      expect.objectContaining({ actor: 'admin', tenant: 'acme' }),
      expect.objectContaining({ actor: 'admin', provider: 'platform' }),
      expect.objectContaining({ actor: 'admin', provider: 'platform' }),
      expect.objectContaining({ actor: 'admin', tenant: 'globex' }),
    ]);
  });

  it('speaks for nobody while its owner is suspended, and live tokens stop', async () => {
    await say('o-1', 'acme', operator);
    await say('o-2', 'acme', operator);
    // The tenant's own program, so that only the issuer is the suspended company's.
    const own = await addClient(world, {
      id: 'acme-portal',
      owner: 'tenant:acme',
      issuerClientIds: { [issuer]: 'app' },
    });
    const { access_token } = await come({ org: 'o-1' }, own);
    const call = await world.trust.verifyCallToken(access_token, flights.id);
    if (!call.ok) throw new Error(call.error);
    const stands = async () => {
      const standing = await world.trust.checkStanding(call.value);
      return standing.ok ? 'ok' : standing.error;
    };
    expect(await stands()).toBe('ok');
    await world.registry.setProviderStatus('platform', 'suspended', 'trouble', { by: operator });
    expect(await hop({ org: 'o-1' }, own)).toBe('invalid_request subject_issuer_owner_not_active');
    expect(await stands()).toBe('TENANT_CONTEXT_INVALID');
    await world.registry.setProviderStatus('platform', 'active', 'mended', { by: operator });
    expect(await hop({ org: 'o-1' }, own)).toBe(granted);
    expect(await stands()).toBe('ok');
  });

  it('knows a user of two tenants as two', async () => {
    for (const [org, tenant] of [
      ['o-1', 'acme'],
      ['o-2', 'globex'],
    ] as const)
      await say(org, tenant, operator);
    const [one, two] = await Promise.all([
      claimsOf(world, await come({ org: 'o-1' })),
      claimsOf(world, await come({ org: 'o-2' })),
    ]);
    expect(one.sub).not.toBe(two.sub);
  });

  it('has users whom one tenant blocks, for itself, once it has agreed to the issuer', async () => {
    const block = () => world.trust.blockUser('acme', { issuer, subject: 'u' }, 'left', byAcme);
    expect((await faultOf(world.store, block)).code).toBe('unknown_issuer');
    await say('o-1', 'acme', operator);
    await say('o-2', 'globex', operator);
    await block();
    expect(await hop({ org: 'o-1' })).toBe('invalid_request subject_user_blocked');
    expect(await hop({ org: 'o-2' })).toBe(granted);
  });

  it('is linked by the operator in one go, from either side', async () => {
    expect(await agree('o-1', operator)).toMatchObject({ status: 'active' });
    expect(await say('o-2', 'globex', operator)).toMatchObject({ status: 'active' });
    expect(await hop({ org: 'o-1' })).toBe(granted);
    expect(await hop({ org: 'o-2' })).toBe(granted);
    expect(await agree('o-1', operator)).toMatchObject({ status: 'active' });
  });

  it.each([
    ['nothing', {}],
    ['an empty one', { org: '' }],
    ['a number', { org: 7 }],
    ['a list', { org: ['o-1'] }],
    ['one that is far too long', { org: 'o'.repeat(256) }],
  ])('with %s where the tenant should be is refused', async (_, claims) => {
    await say('o-1', 'acme', operator);
    expect(await hop(claims)).toBe(unmapped);
  });

  it('is not believed a tenant’s own id, in the claim or beside it', async () => {
    await say('o-1', 'acme', operator);
    expect(await hop({ org: 'acme' })).toBe(unlinked);
    expect(await hop({ org: 'o-1', tenant: 'globex' })).toBe('invalid_request subject_tenant_self_asserted');
    expect(await hop({ org: 'o-1', tenant: 'acme' })).toBe(granted);
    expect(await hop({ tenant: 'acme' })).toBe(unmapped);
  });

  it('maps a claim that is called tenant as any other', async () => {
    await map({ kind: 'claim', claim: 'tenant' });
    await say('o-1', 'acme', operator);
    expect(await hop({ tenant: 'o-1' })).toBe(granted);
    expect(await hop({ tenant: 'acme' })).toBe(unlinked);
  });

  it('maps a claim of its own, not one that every object has', async () => {
    for (const claim of ['constructor', '__proto__', 'toString']) {
      await map({ kind: 'claim', claim });
      expect(await hop({})).toBe(unmapped);
    }
  });

  it('maps by an expression', async () => {
    await map({
      kind: 'cel',
      expression: 'has(claims.org) ? "org:" + claims.org : claims.email.split("@")[1].lowerAscii()',
    });
    await say('org:o-1', 'acme', operator);
    await say('globex.example', 'globex', operator);
    expect((await claimsOf(world, await come({ org: 'o-1' })))['tenant']).toBe('acme');
    expect((await claimsOf(world, await come({ email: 'jo@GLOBEX.example' })))['tenant']).toBe('globex');
    expect(await hop({ email: 'jo@other.example' })).toBe(unlinked);
    // Errors of the expression are no tenant.
    expect(await hop({})).toBe(unmapped);
    expect(await hop({ email: 'nobody' })).toBe(unmapped);
    expect(await hop({ org: 7 })).toBe(unmapped);
  });

  it('by an expression over claims that are far too large is refused', async () => {
    await map({ kind: 'cel', expression: 'claims.org' });
    await say('o-1', 'acme', operator);
    expect(await hop({ org: 'o-1', more: 'x'.repeat(8000) })).toBe(granted);
    expect(await hop({ org: 'o-1', more: 'x'.repeat(8100) })).toBe(unmapped);
  });

  it.each([
    'claims.',
    'claims.org +',
    'org',
    'claims.list.map(x, x)',
    'claims.list.exists(x, x == "a") ? "a" : "b"',
    'claims.org.matches("(a?){1000}") ? "a" : "b"',
    'claims.org.replace("a", "aaaa")',
    '"%s".format([claims.org])',
    '{"a": claims.org}["a"]',
    '['.repeat(256) + ']'.repeat(256),
    '('.repeat(256) + ')'.repeat(256),
  ])('does not map by what could repeat, multiply or fail: %#', async (expression) => {
    const attempt = () => map({ kind: 'cel', expression });
    const fault = await faultOf(world.store, attempt);
    expect(fault.code).toBe('mapping_unusable');
    expect(fault.fields?.[0]?.path).toBe('/tenantMapping/expression');
  });

  it('stops to speak for a tenant when either side takes the link away, live tokens too', async () => {
    for (const remove of [
      (id: string) => world.trust.removeTenantLink('acme', id, byAcme),
      (id: string) => world.trust.removeIssuerLink('provider:platform', record, id, byPlatform),
    ]) {
      await agree('o-1');
      const { id } = await say('o-1');
      const { access_token } = await come({ org: 'o-1' });
      const call = await world.trust.verifyCallToken(access_token, flights.id);
      if (!call.ok) throw new Error(call.error);
      expect(await world.trust.checkStanding(call.value)).toMatchObject({ ok: true });
      expect(await remove(id)).toMatchObject({ status: 'waiting' });
      expect(await world.trust.checkStanding(call.value)).toEqual({
        ok: false,
        error: 'TENANT_CONTEXT_INVALID',
      });
      expect(await hop({ org: 'o-1' })).toBe(unlinked);
    }
  });

  it('stops when it maps no longer, or for another tenant', async () => {
    await say('o-1', 'acme', operator);
    const standing = async (token: string) => {
      const call = await world.trust.verifyCallToken(token, flights.id);
      if (!call.ok) throw new Error(call.error);
      return world.trust.checkStanding(call.value);
    };
    const { access_token } = await come({ org: 'o-1' });
    await map({ kind: 'fixed' });
    expect(await standing(access_token)).toMatchObject({ error: 'TENANT_CONTEXT_INVALID' });
    expect(await hop({ org: 'o-1' })).toBe('invalid_request subject_issuer_not_tenants');
    await map({ kind: 'claim', claim: 'org' });
    expect(await standing(access_token)).toMatchObject({ ok: true });
    const [link] = (await world.trust.listTenantLinks('acme', { limit: 10 })).items;
    await world.trust.removeTenantLink('acme', link?.value.id ?? '', operator);
    await say('o-1', 'globex', operator);
    expect(await standing(access_token)).toMatchObject({ error: 'TENANT_CONTEXT_INVALID' });
  });

  it('of a tenant, that begins to map, speaks for its owner only by a link as well', async () => {
    const token = async () =>
      outcome(exchange(world, acme.app, await acme.idToken({ org: 'us' }), { audience: flights.id }));
    const { access_token } = await exchange(world, acme.app, await acme.idToken(), { audience: flights.id });
    await world.trust.changeIssuer(
      'tenant:acme',
      acme.issuerId,
      { tenantMapping: { kind: 'claim', claim: 'org' } },
      { by: byAcme, version: undefined },
    );
    const call = await world.trust.verifyCallToken(access_token, flights.id);
    if (!call.ok) throw new Error(call.error);
    expect(await world.trust.checkStanding(call.value)).toMatchObject({ error: 'TENANT_CONTEXT_INVALID' });
    expect(await token()).toBe(unlinked);
    // Owner and tenant are one.
    expect(
      await world.trust.agreeToLink('acme', { issuer: acme.issuer, externalId: 'us' }, byAcme),
    ).toMatchObject({ status: 'active' });
    expect(await token()).toBe(granted);
  });

  it('is not used by another tenant’s program', async () => {
    await say('o-1', 'acme', operator);
    const spy = await addClient(world, {
      id: 'globex-spy',
      owner: 'tenant:globex',
      issuerClientIds: { [issuer]: 'app' },
    });
    expect(await hop({ org: 'o-1' }, spy)).toBe('invalid_request subject_of_other_tenant');
  });

  it('names one tenant for one external id', async () => {
    await say('o-1');
    await expect(say('o-1', 'globex')).rejects.toMatchObject({ code: 'link_taken' });
    await expect(agree('o-1', operator, 'globex')).rejects.toMatchObject({ code: 'link_taken' });
    // A tenant that says it of itself is not told, and gets nothing.
    expect(await agree('o-1', byGlobex, 'globex')).toMatchObject({ status: 'waiting' });
    await agree('o-1');
    expect((await claimsOf(world, await come({ org: 'o-1' })))['tenant']).toBe('acme');
  });

  it('tells neither side whether the other exists', async () => {
    const shape = ({ status }: { status: string }) => status;
    expect(shape(await say('o-1', 'nobody'))).toBe(shape(await say('o-2', 'globex')));
    const unknown = await world.trust.agreeToLink(
      'acme',
      { issuer: 'https://free.example', externalId: 'x' },
      byAcme,
    );
    expect(shape(unknown)).toBe(shape(await agree('o-3')));
    await expect(
      world.trust.agreeToLink('acme', { issuer: 'https://free.example', externalId: 'y' }, operator),
    ).rejects.toMatchObject({ code: 'issuer_unknown' });
    await expect(say('o-4', 'nobody', operator)).rejects.toMatchObject({ code: 'unknown_party' });
  });

  it('is listed by each side, with what holds', async () => {
    await agree('o-1');
    await say('o-1');
    await agree('o-2');
    await say('o-3', 'globex');
    const view = (page: Awaited<ReturnType<typeof world.trust.listTenantLinks>>) =>
      page.items
        .map(({ value: { externalId, tenant, status } }) => `${externalId} ${tenant} ${status}`)
        .toSorted();
    expect(view(await world.trust.listTenantLinks('acme', { limit: 10 }))).toEqual([
      'o-1 acme active',
      'o-2 acme waiting',
    ]);
    expect(view(await world.trust.listIssuerLinks('provider:platform', record, { limit: 10 }))).toEqual([
      'o-1 acme active',
      'o-3 globex waiting',
    ]);
  });

  it('that is only claimed says nothing for anybody', async () => {
    const claim = await world.trust.registerIssuer(
      'tenant:globex',
      { issuer: 'https://login.other.example', jwks: jwksOf(idp) },
      byGlobex,
    );
    const attempt = () =>
      world.trust.stateLink('tenant:globex', claim.id, { externalId: 'x', tenant: 'globex' }, byGlobex);
    expect((await faultOf(world.store, attempt)).code).toBe('not_found');
  });

  it('and of two who link at the same moment, one is told to look again', async () => {
    world.store.beforeNextCommit(() => say('o-1', 'globex', operator));
    await expect(say('o-1', 'acme', operator)).rejects.toMatchObject({ code: 'conflict' });
    const { id } = await agree('o-5');
    world.store.beforeNextCommit(() => world.trust.removeTenantLink('acme', id, byAcme));
    await expect(world.trust.removeTenantLink('acme', id, byAcme)).rejects.toMatchObject({
      code: 'conflict',
    });
    await expect(world.trust.removeTenantLink('acme', id, byAcme)).rejects.toMatchObject({
      code: 'not_found',
    });
  });
});
