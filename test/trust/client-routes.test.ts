import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newParty, type Party } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { outcome, wrongFields } from '../tenancy/surface.ts';
import { exchangeGrant } from './cast.ts';
import { openSurface, type TrustSurface } from './surface.ts';

describe.each(engines)('clients over HTTP, on $name', (engine) => {
  let world: TrustSurface['world'];
  let call: TrustSurface['call'];
  let asOperator: TrustSurface['asOperator'];
  let party: Party;
  const newClient = (changes: Record<string, unknown> = {}) => ({
    id: 'acme-web',
    name: 'Web',
    owner: 'tenant:acme',
    jwks: party.jwks,
    grantTypes: [exchangeGrant],
    ...changes,
  });

  beforeEach(async () => {
    ({ world, call, asOperator } = await openSurface(engine));
    party = await newParty();
  });
  afterEach(() => world.dispose());

  it('are registered, and their keys are not shown', async () => {
    const made = await asOperator('POST', '/v1/clients', newClient({ scopes: ['usage:read'] }));
    expect(made.status).toBe(201);
    expect(made.json).toEqual({
      id: 'acme-web',
      name: 'Web',
      owner: 'tenant:acme',
      grantTypes: [exchangeGrant],
      scopes: ['usage:read'],
      issuerClientIds: {},
      status: 'active',
      createdAt: new Date(world.clock.now()).toISOString(),
    });
    const read = await asOperator('GET', '/v1/clients/acme-web');
    expect(read.json).toEqual(made.json);
  });

  it('are changed under the entity tag that was read', async () => {
    await asOperator('POST', '/v1/clients', newClient());
    const etag = (await asOperator('GET', '/v1/clients/acme-web')).headers.get('etag') ?? '';
    expect(etag).toMatch(/^"[^"]+"$/);
    const change = (body: unknown, ifMatch: string) =>
      asOperator('PATCH', '/v1/clients/acme-web', body, { 'If-Match': ifMatch });
    const changed = await change({ status: 'disabled' }, etag);
    expect([changed.status, changed.json['status']]).toEqual([200, 'disabled']);
    expect(changed.headers.get('etag')).not.toBe(etag);
    expect(outcome(await change({ name: 'Old' }, etag))).toBe('412 precondition_failed');
    expect(outcome(await change({ name: 'Old' }, 'W/"weak"'))).toBe('400 invalid_request');
    expect((await change({ name: 'New' }, '*')).json['name']).toBe('New');
    const now = (await asOperator('GET', '/v1/clients/acme-web')).headers.get('etag');
    expect((await change({ status: 'active' }, now ?? '')).json).toMatchObject({
      name: 'New',
      status: 'active',
    });
  });

  it('are the operator’s to register, list and change; their owner may read its own', async () => {
    await asOperator('POST', '/v1/clients', newClient());
    const path = '/v1/clients/acme-web';
    expect(outcome(await call('POST', '/v1/clients', { as: 'acme', body: newClient({ id: 'x' }) }))).toBe(
      '403 forbidden',
    );
    expect(outcome(await call('PATCH', path, { as: 'acme', body: { status: 'disabled' } }))).toBe(
      '403 forbidden',
    );
    expect(outcome(await call('GET', '/v1/clients', { as: 'acme' }))).toBe('403 forbidden');
    expect(outcome(await call('GET', path))).toBe('401 unauthorized');
    expect(outcome(await call('GET', path, { as: 'nobody' }))).toBe('401 unauthorized');
    expect(outcome(await call('GET', path, { as: 'acme-reader' }))).toBe('200');
    expect(outcome(await call('GET', path, { as: 'acme-other' }))).toBe('403 forbidden');
    const [foreign, unknown] = [
      await call('GET', path, { as: 'skyways' }),
      await call('GET', '/v1/clients/none', { as: 'skyways' }),
    ];
    expect(outcome(foreign)).toBe('404 not_found');
    expect(foreign.json['detail']).toBe(unknown.json['detail']);
  });

  it('are listed page by page', async () => {
    const first = await asOperator('GET', '/v1/clients?limit=2');
    expect((first.json['items'] as { id: string }[]).map(({ id }) => id)).toEqual([
      'acme-app',
      'northpay-payments',
    ]);
    const cursor = encodeURIComponent(String(first.json['nextCursor']));
    const second = await asOperator('GET', `/v1/clients?limit=2&cursor=${cursor}`);
    expect((second.json['items'] as { id: string }[]).map(({ id }) => id)).toEqual(['skyways-flights']);
    expect(second.json).not.toHaveProperty('nextCursor');
  });

  it.each([
    ['with keys in two places', { jwksUri: 'https://acme.example/jwks' }, ['/jwksUri']],
    ['without keys', { jwks: undefined }, ['/jwksUri']],
    ['with an id that is none', { id: 'ACME Web' }, ['/id']],
    ['of a party of an unknown kind', { owner: 'user:u' }, ['/owner']],
    ['with an unknown grant', { grantTypes: ['password'] }, ['/grantTypes/0']],
    ['without grants', { grantTypes: [] }, ['/grantTypes']],
    ['with an unknown scope', { scopes: ['everything'] }, ['/scopes/0']],
    ['with a call scope that is none', { callScopes: ['A B'] }, ['/callScopes/0']],
    ['with an issuer that is none', { issuerClientIds: { login: 'app' } }, ['/issuerClientIds/login']],
    ['with a field that is not known', { secret: 'x' }, ['']],
  ])('one %s is refused, with the field named', async (_, changes, fields) => {
    const answer = await asOperator('POST', '/v1/clients', newClient(changes));
    expect(outcome(answer)).toBe('400 invalid_request');
    expect(wrongFields(answer)).toEqual(fields);
  });

  it.each([
    ['whose id is taken', { id: 'acme-app' }, '409 client_exists'],
    ['of an unknown owner', { owner: 'tenant:nobody' }, '422 unknown_party'],
    ['that is another’s agent', { agent: 'skyways/flights' }, '422 wrong_owner'],
    ['with a private key', { jwks: { keys: [{ kty: 'oct', k: 'c2VjcmV0' }] } }, '422 keys_unusable'],
  ])('one %s is refused', async (_, changes, expected) => {
    expect(outcome(await asOperator('POST', '/v1/clients', newClient(changes)))).toBe(expected);
  });
});
