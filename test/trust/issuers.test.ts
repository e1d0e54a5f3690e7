import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { newParty, type Party } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addClient,
  addTenant,
  type CastAgent,
  type CastTenant,
  exchange,
  fromNow,
  jwksOf,
  outcome,
  subscribe,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

type NewIssuer = Parameters<TrustWorld['trust']['registerIssuer']>[1];

const issuer = 'https://idp.example';

describe.each(engines)('issuers, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let idp: Party;
  const register = (
    owner: 'tenant:acme' | `provider:${string}` | `tenant:${string}`,
    more?: Partial<NewIssuer>,
  ) => world.trust.registerIssuer(owner, { issuer, jwks: jwksOf(idp), ...more }, operator);
  const hop = async (claims: Record<string, unknown> = {}) =>
    outcome(exchange(world, acme.app, await acme.idToken(claims), { audience: flights.id }));

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    await subscribe(world, acme, flights);
    idp = await newParty();
  });
  afterEach(() => world.dispose());

  it('are trusted as they are described, and the audit log says so', async () => {
    const record = await register('provider:skyways', { algorithms: ['RS256', 'ES256'] });
    expect(record).toEqual({
      id: expect.stringMatching(/^trs_/),
      issuer,
      owner: 'provider:skyways',
      jwks: idp.jwks,
      algorithms: ['RS256', 'ES256'],
      status: 'active',
      trustedBy: { how: 'operator', at: world.clock.now() },
      createdAt: world.clock.now(),
    });
    expect((await trail(world.audit)).at(-1)).toEqual({
      action: 'issuer.register',
      outcome: 'allowed',
      actor: 'operator',
      provider: 'skyways',
      detail: { issuer, algorithms: ['RS256', 'ES256'] },
    });
  });

  it('have all algorithms but RS256 unless they say which', async () => {
    expect((await register('tenant:acme')).algorithms).toEqual(['ES256', 'EdDSA', 'PS256']);
  });

  it('have one record each: nobody registers another’s, not even its owner again', async () => {
    await register('tenant:acme');
    for (const owner of ['tenant:acme', 'provider:skyways'] as const)
      expect((await faultOf(world.store, () => register(owner))).code).toBe('issuer_taken');
    const [record] = await issuersOf('tenant:acme', issuer);
    await world.trust.setIssuerStatus('tenant:acme', record?.id ?? '', 'disabled', operator);
    expect((await faultOf(world.store, () => register('provider:skyways'))).code).toBe('issuer_taken');
  });

  it('of two that claim the same at the same moment, one gets it', async () => {
    world.store.beforeNextCommit(() => register('provider:skyways'));
    await expect(register('tenant:acme')).rejects.toMatchObject({ code: 'issuer_taken' });
    expect(await issuersOf('tenant:acme', issuer)).toEqual([]);
    expect(await issuersOf('provider:skyways', issuer)).toHaveLength(1);
  });

  it.each([
    ['of an unknown tenant', 'tenant:nobody', {}, 'unknown_party'],
    ['of an unknown provider', 'provider:nobody', {}, 'unknown_party'],
    ['that is the broker', 'tenant:acme', { issuer: brokerUrl }, 'invalid_request'],
    ['with a key set that cannot be used', 'tenant:acme', { jwks: { keys: [] } }, 'keys_unusable'],
    ['whose trust is over already', 'tenant:acme', { expiresAt: 1 }, 'invalid_request'],
  ] as const)('one %s is refused and leaves nothing', async (_, owner, more, code) => {
    expect((await faultOf(world.store, () => register(owner, more))).code).toBe(code);
  });

  it('are compared to the letter', async () => {
    expect(await hop()).toBe('a2a:invoke a2a:read');
    for (const iss of [`${acme.issuer}/`, acme.issuer.toUpperCase(), `${acme.issuer}:443`, ''])
      expect(await hop({ iss })).toBe('invalid_request token_issuer_unknown');
  });

  it('are believed no longer once they are disabled, and again once they are enabled', async () => {
    const move = (status: 'active' | 'disabled') =>
      world.trust.setIssuerStatus('tenant:acme', acme.issuerId, status, operator);
    expect(await move('disabled')).toMatchObject({ issuer: acme.issuer, status: 'disabled' });
    expect(await hop()).toBe('invalid_request token_issuer_unknown');
    expect(await move('active')).toMatchObject({ issuer: acme.issuer, status: 'active' });
    expect(await hop()).toBe('a2a:invoke a2a:read');
    expect((await trail(world.audit)).map(({ action }) => action)).toEqual(
      expect.arrayContaining(['issuer.disable', 'issuer.enable']),
    );
  });

  it('are moved by their owner alone', async () => {
    const move = (owner: 'tenant:acme' | 'provider:skyways', id: string) =>
      faultOf(world.store, () => world.trust.setIssuerStatus(owner, id, 'disabled', operator));
    expect((await move('provider:skyways', acme.issuerId)).code).toBe('not_found');
    expect((await move('tenant:acme', 'trs_none')).code).toBe('not_found');
  });

  it('and of two who move one at the same moment, one is told to look again', async () => {
    const disable = () => world.trust.setIssuerStatus('tenant:acme', acme.issuerId, 'disabled', operator);
    world.store.beforeNextCommit(disable);
    await expect(disable()).rejects.toMatchObject({ code: 'conflict' });
  });

  it('are believed until their trust expires', async () => {
    const later = { expiresAt: world.clock.now() + 10_000 };
    await register('tenant:acme', later);
    const issuerClientIds = { [issuer]: 'app' };
    const app = await addClient(world, { id: 'acme-2', owner: 'tenant:acme', issuerClientIds });
    const claims = { iss: issuer, sub: 'u', aud: 'app', iat: 0, exp: 3600 };
    const token = await idp.sign(fromNow(world, claims));
    const again = () => outcome(exchange(world, app, token, { audience: flights.id }));
    world.clock.advance(9_999);
    expect(await again()).toBe('a2a:invoke a2a:read');
    world.clock.advance(1);
    expect(await again()).toBe('invalid_request token_issuer_unknown');
  });

  it('can all be listed and disabled, however many a company has', async () => {
    const count = 101;
    const names = Array.from({ length: count }, (_, index) => `https://idp-${index}.example`);
    await Promise.all(names.map((name) => register('provider:skyways', { issuer: name })));
    const seen = new Map<string, string>();
    let cursor: string | undefined;
    do {
      const page = await world.trust.listIssuers('provider:skyways', {
        limit: 50,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const { value } of page.items) seen.set(value.issuer, value.id);
      cursor = page.cursor;
    } while (cursor !== undefined);
    expect(seen.size).toBe(count);
    const [last = ''] = [...seen.values()].slice(-1);
    const disabled = await world.trust.setIssuerStatus('provider:skyways', last, 'disabled', operator);
    expect(disabled.status).toBe('disabled');
  });

  async function issuersOf(owner: 'tenant:acme' | 'provider:skyways', name: string) {
    const { items } = await world.trust.listIssuers(owner, { limit: 100 });
    return items.map(({ value }) => value).filter((record) => record.issuer === name);
  }
});
