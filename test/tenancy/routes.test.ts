import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { tenancyRoutes } from '../../src/tenancy/routes.ts';
import { engines } from '../support/stores.ts';
import { openTenancy, operator, type TenancyWorld } from './setup.ts';
import { type Answer, type Call, client, outcome, surface, wrongFields } from './surface.ts';

const acme = { id: 'acme', name: 'Acme', tier: 'standard' };
const agent = 'skyways/flights';
const clients = {
  acme: client('tenant:acme', 'tenancy:read', 'tenancy:write'),
  'acme-reader': client('tenant:acme', 'tenancy:read'),
  'acme-other': client('tenant:acme', 'registry:write', 'usage:read'),
  globex: client('tenant:globex', 'tenancy:read', 'tenancy:write'),
  skyways: client('provider:acme', 'tenancy:read', 'tenancy:write'),
};
const reason = { reason: 'because' };

describe.each(engines)('tenancy routes on $name', (engine) => {
  let world: TenancyWorld;
  let call: Call;
  let version: string;
  beforeEach(async () => {
    world = await openTenancy(engine);
    call = surface(tenancyRoutes(world.tenancy), clients);
    ({ version } = await world.tenancy.createTenant(acme, operator));
  });
  afterEach(() => world.dispose());

  async function unchanged(attempt: () => Promise<Answer>): Promise<Answer> {
    const before = await world.store.snapshot();
    const answer = await attempt();
    expect(await world.store.snapshot()).toEqual(before);
    return answer;
  }

  describe('who may do what', () => {
    const operatorOnly = [
      ['POST', '/v1/tenants', { ...acme, id: 'new' }],
      ['GET', '/v1/tenants', undefined],
      ['PATCH', '/v1/tenants/acme', { name: 'Mine' }],
      ['POST', '/v1/tenants/acme/suspend', reason],
      ['POST', '/v1/tenants/acme/reinstate', reason],
    ] as const;
    const reads = [
      ['GET', '/v1/tenants/acme', undefined],
      ['GET', '/v1/tenants/acme/subscriptions', undefined],
    ] as const;
    const writes = [
      ['POST', '/v1/tenants/acme/subscriptions', { agent }],
      ['DELETE', '/v1/tenants/acme/subscriptions/sub_1', undefined],
    ] as const;

    it.each([...operatorOnly, ...reads, ...writes])(
      '%s %s needs a valid token',
      async (method, path, body) => {
        expect(outcome(await unchanged(() => call(method, path, { body })))).toBe('401 unauthorized');
        expect(outcome(await unchanged(() => call(method, path, { body, as: 'forged' })))).toBe(
          '401 unauthorized',
        );
      },
    );

    it.each(operatorOnly)('%s %s is the operator’s', async (method, path, body) => {
      expect(outcome(await unchanged(() => call(method, path, { body, as: 'acme' })))).toBe('403 forbidden');
      expect((await call(method, path, { body, as: 'operator' })).status).toBeLessThan(300);
    });

    it.each([...reads, ...writes])('%s %s is the tenant’s own', async (method, path, body) => {
      for (const as of ['globex', 'skyways', 'acme-other'])
        expect(outcome(await unchanged(() => call(method, path, { body, as })))).toBe('403 forbidden');
    });

    it.each(reads)('%s %s needs no more than tenancy:read', async (method, path) => {
      expect((await call(method, path, { as: 'acme-reader' })).status).toBe(200);
    });

    it.each(writes)('%s %s needs tenancy:write', async (method, path, body) => {
      expect(outcome(await unchanged(() => call(method, path, { body, as: 'acme-reader' })))).toBe(
        '403 forbidden',
      );
    });

    it('tells another tenant nothing about which tenants exist', async () => {
      const [real, made] = await Promise.all(
        ['acme', 'nobody'].map((id) => call('GET', `/v1/tenants/${id}`, { as: 'globex' })),
      );
      expect(real?.status).toBe(403);
      expect(real?.text.replaceAll('acme', 'nobody')).toBe(made?.text);
    });
  });

  describe('what is refused before anything is done', () => {
    const long = (length: number) => 'x'.repeat(length);
    it.each([
      ['an array', [acme], ''],
      ['null', 'null', ''],
      ['an unknown field', { ...acme, id: 'new', status: 'active' }, ''],
      ['__proto__', '{"id":"new","name":"n","tier":"t","__proto__":{"status":"active"}}', ''],
      ['no name', { id: 'new', tier: 'standard' }, '/name'],
      ['a name of blanks', { ...acme, name: '   ' }, '/name'],
      ['a name that is a number', { ...acme, name: 7 }, '/name'],
      ['a name too long', { ...acme, name: long(201) }, '/name'],
      ['an id in upper case', { ...acme, id: 'ACME' }, '/id'],
      ['an id that climbs', { ...acme, id: '../acme' }, '/id'],
      ['an id with a separator', { ...acme, id: 'acme#tenant' }, '/id'],
      ['an id with a line end', { ...acme, id: 'new\n' }, '/id'],
      ['an id too long', { ...acme, id: long(65) }, '/id'],
      ['a tier that is no slug', { ...acme, tier: 'Très bien' }, '/tier'],
      ['a region that is none', { ...acme, region: 'EU' }, '/region'],
      ['an empty residency', { ...acme, residency: [] }, '/residency'],
      ['too many regions', { ...acme, residency: Array<string>(51).fill('eu') }, '/residency'],
    ])('a new tenant with %s', async (_, body, path) => {
      const answer = await unchanged(() => call('POST', '/v1/tenants', { as: 'operator', body }));
      expect(outcome(answer)).toBe('400 invalid_request');
      expect(wrongFields(answer)).toContain(path);
    });

    it('a body that is not JSON', async () => {
      const answer = await unchanged(() => call('POST', '/v1/tenants', { as: 'operator', body: '{"id":' }));
      expect(outcome(answer)).toBe('400 invalid_request');
    });

    it('a body that is too large', async () => {
      const body = { ...acme, id: 'new', name: long(1 << 20) };
      const answer = await unchanged(() => call('POST', '/v1/tenants', { as: 'operator', body }));
      expect(outcome(answer)).toBe('413 payload_too_large');
    });

    it.each([
      ['nothing in it', {}],
      ['the id', { id: 'other' }],
      ['the status', { status: 'suspended' }],
      ['a name taken away', { name: null }],
      ['a tier taken away', { tier: null }],
    ])('a change with %s', async (_, body) => {
      const answer = await unchanged(() => call('PATCH', '/v1/tenants/acme', { as: 'operator', body }));
      expect(outcome(answer)).toBe('400 invalid_request');
    });

    it.each(['suspend', 'reinstate'])('%s without a proper reason', async (step) => {
      for (const body of [{}, { reason: ' ' }, { reason: long(501) }, { ...reason, force: true }]) {
        const answer = await unchanged(() =>
          call('POST', `/v1/tenants/acme/${step}`, { as: 'operator', body }),
        );
        expect(outcome(answer)).toBe('400 invalid_request');
      }
    });

    it.each([
      ['an unknown field', { agent, status: 'active' }, ''],
      ['an agent without provider', { agent: 'flights' }, '/agent'],
      ['an agent with two slashes', { agent: 'a/b/c' }, '/agent'],
      ['no scopes at all', { agent, scopes: [] }, '/scopes'],
      ['a scope with a blank', { agent, scopes: ['a2a:read a2a:invoke'] }, '/scopes/0'],
      ['too many scopes', { agent, scopes: Array<string>(51).fill('a2a:read') }, '/scopes'],
      ['an end that is a number', { agent, expiresAt: 1 }, '/expiresAt'],
      ['an end outside UTC', { agent, expiresAt: '2027-01-01T00:00:00+02:00' }, '/expiresAt'],
      ['an end in the past', { agent, expiresAt: '2020-01-01T00:00:00Z' }, '/expiresAt'],
      ['an audTenant too long', { agent, audTenant: long(201) }, '/audTenant'],
    ])('a subscription with %s', async (_, body, path) => {
      const answer = await unchanged(() =>
        call('POST', '/v1/tenants/acme/subscriptions', { as: 'acme', body }),
      );
      expect(outcome(answer)).toBe('400 invalid_request');
      expect(wrongFields(answer)).toContain(path);
    });

    it.each(['limit=0', 'limit=201', 'limit=ten', `cursor=${long(2049)}`])(
      'a page with %s',
      async (query) => {
        for (const path of ['/v1/tenants', '/v1/tenants/acme/subscriptions'])
          expect(outcome(await call('GET', `${path}?${query}`, { as: 'operator' }))).toBe(
            '400 invalid_request',
          );
      },
    );

    it('a page with an invented cursor', async () => {
      const answer = await call('GET', '/v1/tenants?cursor=%21', { as: 'operator' });
      expect(outcome(answer)).toBe('400 invalid_request');
    });
  });

  describe('If-Match', () => {
    const updates: readonly (readonly [method: string, path: string, body: object])[] = [
      ['PATCH', '/v1/tenants/acme', { name: 'Newer' }],
      ['POST', '/v1/tenants/acme/suspend', reason],
      ['POST', '/v1/tenants/acme/reinstate', reason],
    ];
    const update = ([method, path, body]: (typeof updates)[number], tag: string) =>
      call(method, path, { as: 'operator', body, headers: { 'If-Match': tag } });

    it.each(updates)('%s %s works on the version that was read only', async (...route) => {
      const read = (await call('GET', '/v1/tenants/acme', { as: 'operator' })).headers.get('etag') ?? '';
      expect(read).toBe(`"${version}"`);
      const changed = await update(route, read);
      expect(changed.status).toBe(200);
      expect(changed.headers.get('etag')).not.toBe(read);
      expect(outcome(await unchanged(() => update(route, read)))).toBe('412 precondition_failed');
      expect((await update(route, changed.headers.get('etag') ?? '')).status).toBe(200);
      expect((await update(route, '*')).status).toBe(200);
    });

    it.each(updates)('%s %s refuses what is not one strong tag', async (...route) => {
      for (const tag of [`W/"${version}"`, version, `"${version}", "other"`, '""', `"${'x'.repeat(129)}"`])
        expect(outcome(await unchanged(() => update(route, tag)))).toBe('400 invalid_request');
    });
  });

  describe('on the wire', () => {
    const at = '2026-01-15T12:00:00.000Z';

    it('creates and reads a tenant', async () => {
      const body = { ...acme, id: 'globex', region: 'eu-west-1', residency: ['eu-west-1'] };
      const made = await call('POST', '/v1/tenants', { as: 'operator', body });
      expect(made.status).toBe(201);
      expect(made.json).toEqual({ ...body, status: 'active', createdAt: at, updatedAt: at });
      const read = await call('GET', '/v1/tenants/globex', { as: 'globex' });
      expect(read.json).toEqual(made.json);
      expect(read.headers.get('etag')).toBe(made.headers.get('etag'));
      const second = await unchanged(() => call('POST', '/v1/tenants', { as: 'operator', body }));
      expect(outcome(second)).toBe('409 tenant_exists');
      expect(outcome(await call('GET', '/v1/tenants/nobody', { as: 'operator' }))).toBe('404 not_found');
    });

    it('subscribes, lists and cancels', async () => {
      const body = { agent, scopes: ['a2a:read'], expiresAt: '2027-01-01T00:00:00Z' };
      const made = await call('POST', '/v1/tenants/acme/subscriptions', { as: 'acme', body });
      expect(made.status).toBe(201);
      const { id, ...rest } = made.json;
      const expiresAt = '2027-01-01T00:00:00.000Z';
      expect(rest).toEqual({
        ...body,
        approver: 'client-of-tenant-acme',
        tenant: 'acme',
        status: 'active',
        createdAt: at,
        expiresAt,
      });
      const list = () => call('GET', '/v1/tenants/acme/subscriptions', { as: 'acme-reader' });
      expect((await list()).json).toEqual({ items: [made.json] });
      const cancel = () => call('DELETE', `/v1/tenants/acme/subscriptions/${String(id)}`, { as: 'acme' });
      const cancelled = { ...made.json, status: 'cancelled', cancelledAt: made.json?.['createdAt'] };
      expect([(await cancel()).json, (await cancel()).json]).toEqual([cancelled, cancelled]);
      expect((await list()).json).toEqual({ items: [cancelled] });
    });

    it.each([
      [{ agent: 'skyways/secret' }, 422, 'agent_not_offered'],
      [{ agent, scopes: ['admin'] }, 422, 'scope_not_offered'],
      [{ agent, plan: 'metered' }, 403, 'forbidden'],
      [{ agent, audTenant: 'globex' }, 403, 'forbidden'],
    ])('answers %j with %i %s', async (body, status, code) => {
      const answer = await unchanged(() =>
        call('POST', '/v1/tenants/acme/subscriptions', { as: 'acme', body }),
      );
      expect(outcome(answer)).toBe(`${status} ${code}`);
    });

    it('lets the operator name the plan, and the tenant keep it', async () => {
      const path = '/v1/tenants/acme/subscriptions';
      const none = { agent, plan: 'none' };
      expect(outcome(await call('POST', path, { as: 'operator', body: none }))).toBe('422 unknown_plan');
      const made = await call('POST', path, { as: 'operator', body: { agent, plan: 'metered' } });
      expect(made.json).toMatchObject({ plan: 'metered' });
      await call('DELETE', `${path}/${String(made.json['id'])}`, { as: 'acme' });
      const again = await call('POST', path, { as: 'acme', body: { agent } });
      expect([again.status, again.json['plan']]).toEqual([201, 'metered']);
    });

    it('answers 409 to a second live subscription, 404 to what is not there', async () => {
      const path = '/v1/tenants/acme/subscriptions';
      await call('POST', path, { as: 'acme', body: { agent } });
      const twice = await unchanged(() => call('POST', path, { as: 'acme', body: { agent } }));
      expect(outcome(twice)).toBe('409 conflict');
      expect(outcome(await call('DELETE', `${path}/sub_none`, { as: 'acme' }))).toBe('404 not_found');
      const nobody = '/v1/tenants/nobody/subscriptions';
      expect(outcome(await call('POST', nobody, { as: 'operator', body: { agent } }))).toBe('404 not_found');
    });

    it('pages through nextCursor', async () => {
      await world.tenancy.createTenant({ ...acme, id: 'globex' }, operator);
      const first = await call('GET', '/v1/tenants?limit=1', { as: 'operator' });
      expect(first.json).toMatchObject({ items: [{ id: 'acme' }] });
      const next = `/v1/tenants?limit=1&cursor=${String(first.json['nextCursor'])}`;
      expect((await call('GET', next, { as: 'operator' })).json).toMatchObject({ items: [{ id: 'globex' }] });
    });
  });
});
