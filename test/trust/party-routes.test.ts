import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newParty, type Party } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { outcome, wrongFields } from '../tenancy/surface.ts';
import { openSurface, type TrustSurface } from './surface.ts';

describe.each(engines)('issuers and agreements over HTTP, on $name', (engine) => {
  let world: TrustSurface['world'];
  let call: TrustSurface['call'];
  let asOperator: TrustSurface['asOperator'];
  let party: Party;
  const newIssuer = (changes: Record<string, unknown> = {}) => ({
    issuer: 'https://idp.acme.example',
    jwks: party.jwks,
    ...changes,
  });

  beforeEach(async () => {
    ({ world, call, asOperator } = await openSurface(engine));
    party = await newParty();
  });
  afterEach(() => world.dispose());

  describe('issuers', () => {
    it('are registered by the operator, listed, disabled and enabled', async () => {
      const path = '/v1/tenants/acme/issuers';
      const expiresAt = new Date(world.clock.now() + 1000).toISOString();
      const made = await asOperator('POST', path, newIssuer({ expiresAt }));
      expect(made.status).toBe(201);
      expect(made.json).toEqual({
        id: expect.stringMatching(/^trs_/),
        issuer: 'https://idp.acme.example',
        owner: 'tenant:acme',
        algorithms: ['ES256', 'EdDSA', 'PS256'],
        status: 'active',
        trustedBy: { how: 'operator', at: new Date(world.clock.now()).toISOString() },
        createdAt: new Date(world.clock.now()).toISOString(),
        expiresAt,
      });
      const listed = await call('GET', path, { as: 'acme-reader' });
      expect(listed.json['items']).toContainEqual(made.json);
      const move = (step: string) =>
        call('POST', `${path}/${String(made.json['id'])}/${step}`, { as: 'acme' });
      expect((await move('disable')).json).toEqual({ ...made.json, status: 'disabled' });
      expect((await move('enable')).json).toEqual(made.json);
      expect((await move('remove')).status).toBe(400);
    });

    it('are listed page by page', async () => {
      const path = '/v1/tenants/acme/issuers';
      await asOperator('POST', path, newIssuer());
      const first = await asOperator('GET', `${path}?limit=1`);
      const cursor = encodeURIComponent(String(first.json['nextCursor']));
      const second = await asOperator('GET', `${path}?limit=1&cursor=${cursor}`);
      expect(second.json).not.toHaveProperty('nextCursor');
      const issuers = [first, second].flatMap(({ json }) => json['items'] as { issuer: string }[]);
      expect(issuers.map(({ issuer }) => issuer).toSorted()).toEqual([
        'https://idp.acme.example',
        'https://login.acme.example',
      ]);
    });

    it.each([
      ['nobody', undefined, '401 unauthorized'],
      ['another party', 'skyways', '403 forbidden'],
      ['a program that may only read', 'acme-reader', '403 forbidden'],
    ])('are not registered by %s', async (_, as, expected) => {
      const body = newIssuer();
      const answer = await call(
        'POST',
        '/v1/tenants/acme/issuers',
        as === undefined ? { body } : { as, body },
      );
      expect(outcome(answer)).toBe(expected);
      expect(outcome(await call('GET', '/v1/tenants/acme/issuers', as === undefined ? {} : { as }))).toBe(
        as === 'acme-reader' ? '200' : expected,
      );
    });

    it.each([
      ['with a query', { issuer: 'https://idp.example?x=1' }, ['/issuer']],
      ['with a fragment', { issuer: 'https://idp.example#x' }, ['/issuer']],
      ['with credentials', { issuer: 'https://user:pass@idp.example' }, ['/issuer']],
      ['that is no URL', { issuer: 'idp.example' }, ['/issuer']],
      ['with keys in two places', { jwksUri: 'https://idp.example/jwks' }, ['/jwksUri']],
      ['with an algorithm that is not taken', { algorithms: ['HS256'] }, ['/algorithms/0']],
      ['with a key set that is none', { jwks: { keys: 'x' } }, ['/jwks/keys']],
      ['with a time that is none', { expiresAt: 'tomorrow' }, ['/expiresAt']],
    ])('one %s is refused, with the field named', async (_, changes, fields) => {
      const answer = await asOperator('POST', '/v1/providers/skyways/issuers', newIssuer(changes));
      expect(outcome(answer)).toBe('400 invalid_request');
      expect(wrongFields(answer)).toEqual(fields);
    });

    it('of two parties are one too many', async () => {
      expect(outcome(await asOperator('POST', '/v1/tenants/acme/issuers', newIssuer()))).toBe('201');
      expect(outcome(await asOperator('POST', '/v1/providers/skyways/issuers', newIssuer()))).toBe(
        '409 issuer_taken',
      );
    });
  });

  describe('agreements', () => {
    const terms = { from: 'provider:skyways', to: 'provider:northpay' };

    it('are made by the operator, seen by both sides and revoked by either', async () => {
      const expiresAt = new Date(world.clock.now() + 1000).toISOString();
      const body = { ...terms, scopes: ['a2a:read'], maxDepth: 2, tenants: ['acme'], expiresAt };
      const made = await asOperator('POST', '/v1/agreements', body);
      expect(made.status).toBe(201);
      expect(made.json).toEqual({
        id: expect.stringMatching(/^agr_/),
        ...body,
        status: 'active',
        createdAt: new Date(world.clock.now()).toISOString(),
      });
      expect((await call('GET', '/v1/agreements', { as: 'skyways' })).json['items']).toEqual([made.json]);
      expect((await call('GET', '/v1/agreements', { as: 'acme' })).json['items']).toEqual([]);
      const path = `/v1/agreements/${String(made.json['id'])}/revoke`;
      const reason = { reason: 'breach' };
      expect(outcome(await call('POST', path, { as: 'acme', body: reason }))).toBe('404 not_found');
      expect(outcome(await call('POST', path, { as: 'skyways', body: {} }))).toBe('400 invalid_request');
      expect((await call('POST', path, { as: 'skyways', body: reason })).json).toEqual({
        ...made.json,
        status: 'revoked',
        ...reason,
      });
    });

    it('are proposed by one side, read by both and accepted by the other', async () => {
      const body = { ...terms, residency: ['eu-central-1'], priceReference: 'contract 7' };
      const made = await call('POST', '/v1/agreements', { as: 'skyways', body });
      expect([made.status, made.json]).toEqual([
        201,
        {
          id: expect.stringMatching(/^agr_/) as string,
          ...body,
          status: 'proposed',
          proposedBy: 'provider:skyways',
          createdAt: new Date(world.clock.now()).toISOString(),
        },
      ]);
      const path = `/v1/agreements/${String(made.json['id'])}`;
      expect((await call('GET', path, { as: 'skyways' })).json).toEqual(made.json);
      expect(outcome(await call('GET', path, { as: 'acme' }))).toBe('404 not_found');
      expect(outcome(await call('POST', `${path}/accept`, { as: 'acme' }))).toBe('404 not_found');
      expect(outcome(await call('POST', `${path}/accept`, { as: 'skyways' }))).toBe('403 forbidden');
      const accepted = await asOperator('POST', `${path}/accept`);
      expect(accepted.json).toEqual({ ...made.json, status: 'active' });
    });

    it('are not made for others, nor by nobody', async () => {
      expect(outcome(await call('POST', '/v1/agreements', { as: 'acme', body: terms }))).toBe(
        '403 forbidden',
      );
      expect(outcome(await call('POST', '/v1/agreements', { body: terms }))).toBe('401 unauthorized');
    });

    it.each([
      ['deeper than the broker allows', { maxDepth: 5 }, ['/maxDepth']],
      ['of no depth', { maxDepth: 0 }, ['/maxDepth']],
      ['for no tenants', { tenants: [] }, ['/tenants']],
      ['served nowhere', { residency: [] }, ['/residency']],
      ['served in a strange place', { residency: ['EU #1'] }, ['/residency/0']],
      ['with endless prices', { priceReference: 'x'.repeat(201) }, ['/priceReference']],
      ['with a field that is not known', { price: '1' }, ['']],
    ])('one %s is refused, with the field named', async (_, changes, fields) => {
      const answer = await asOperator('POST', '/v1/agreements', { ...terms, ...changes });
      expect(outcome(answer)).toBe('400 invalid_request');
      expect(wrongFields(answer)).toEqual(fields);
    });
  });
});
