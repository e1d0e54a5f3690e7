import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/kernel/principal.ts';
import { OutboundError } from '../../src/outbound/port.ts';
import type { TrustRecord } from '../../src/trust/model.ts';
import { newParty } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addClient,
  addTenant,
  type CastAgent,
  type CastTenant,
  exchange,
  jwksOf,
  outcome,
  subscribe,
} from './cast.ts';
import { type IssuerSite, openIssuerSite, signProof } from './issuer-site.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const [memory = expect.fail('no engine')] = engines;
const byAcme: Principal = { kind: 'client', clientId: 'acme-admin', owner: 'tenant:acme', scopes: [] };
const bySkyways: Principal = { kind: 'client', clientId: 'sky-admin', owner: 'provider:skyways', scopes: [] };

let world: TrustWorld;
let acme: CastTenant;
let flights: CastAgent;
let site: IssuerSite;
/** TXT records by name; an error is thrown. */
let txt: Map<string, readonly string[] | Error>;

beforeEach(async () => {
  txt = new Map();
  world = await openTrust(memory, {
    outbound: {
      resolveTxt: async (name) => {
        const found = txt.get(name) ?? [];
        if (found instanceof Error) throw found;
        return found;
      },
    },
  });
  acme = await addTenant(world, 'acme');
  flights = await addAgent(world, 'skyways/flights');
  await subscribe(world, acme, flights);
  site = await openIssuerSite();
});
afterEach(async () => {
  await site.close();
  await world.dispose();
});

const claim = (of = site, more: Record<string, unknown> = {}) =>
  world.trust.registerIssuer('tenant:acme', { issuer: of.issuer, jwksUri: of.jwksUri, ...more }, byAcme);
const claimForProvider = () =>
  world.trust.registerIssuer('provider:skyways', { issuer: site.issuer, jwksUri: site.jwksUri }, bySkyways);
const verify = (record: TrustRecord, proof?: string, by: Principal = byAcme) =>
  world.trust.verifyIssuer(record.owner, record.id, proof, by);
const read = async ({ owner, id }: TrustRecord) => (await world.trust.findIssuer(owner, id)).record;
const proofFor = (
  { issuer, challenge }: TrustRecord,
  changes: Record<string, unknown> = {},
  header: Record<string, string> = {},
  by = site.key,
) => signProof(by, { issuer, challenge, broker: brokerUrl, now: world.clock.now() }, changes, header);

/** Why the owner's attempt is refused: what the audit log says. The record stays as it was. */
async function problemOf(record: TrustRecord, proof?: string): Promise<string> {
  await expect(verify(record, proof)).rejects.toMatchObject({ code: 'issuer_unproven' });
  expect(await read(record)).toEqual(record);
  const entry = (await trail(world.audit)).at(-1);
  expect(entry).toMatchObject({ action: 'issuer.verify', outcome: 'refused', tenant: 'acme' });
  return entry?.reason ?? '';
}

/** What an exchange with a token of this issuer comes to. */
async function hop(of = site): Promise<string> {
  const id = `app-${Math.random().toString(36).slice(2)}`;
  const app = await addClient(world, { id, owner: 'tenant:acme', issuerClientIds: { [of.issuer]: 'app' } });
  const iat = Math.floor(world.clock.now() / 1000);
  const token = await of.key.sign({ iss: of.issuer, sub: 'u', aud: 'app', iat, exp: iat + 300 });
  return outcome(exchange(world, app, token, { audience: flights.id }));
}

const unknown = 'invalid_request token_issuer_unknown';
const granted = 'a2a:invoke a2a:read';

describe('an issuer that a party claims itself', () => {
  it('is believed nothing until it is proven, and says what there is to do', async () => {
    const record = await claim();
    expect(record).toMatchObject({
      status: 'pending',
      reason: 'It is claimed, and not proven yet.',
      challenge: expect.stringMatching(/^[\w-]{43}$/),
    });
    expect(record).not.toHaveProperty('trustedBy');
    expect(await read(record)).toEqual(record);
    expect(await hop()).toBe(unknown);
    await expect(world.trust.approveIssuer('tenant:acme', record.id, operator)).rejects.toMatchObject({
      code: 'issuer_unproven',
    });
    for (const status of ['active', 'disabled'] as const)
      await expect(
        world.trust.setIssuerStatus('tenant:acme', record.id, status, byAcme),
      ).rejects.toMatchObject({ code: 'conflict' });
    expect(await hop()).toBe(unknown);
  });

  it('is trusted when the signed challenge is in its well-known file', async () => {
    const record = await claim();
    site.publish(
      '',
      await signProof(site.key, {
        ...record,
        challenge: 'of-another-broker',
        broker: 'https://other.example',
        now: world.clock.now(),
      }),
      await proofFor(record),
    );
    const proven = await verify(record);
    expect(proven).toMatchObject({
      id: record.id,
      status: 'active',
      trustedBy: { how: 'well-known', at: world.clock.now() },
    });
    expect(proven).not.toHaveProperty('challenge');
    expect(proven).not.toHaveProperty('reason');
    expect(await read(proven)).toEqual(proven);
    expect(await hop()).toBe(granted);
    expect((await trail(world.audit)).find(({ action }) => action === 'issuer.verify')).toMatchObject({
      outcome: 'allowed',
      actor: 'acme-admin',
      tenant: 'acme',
      detail: { issuer: site.issuer, place: 'well-known', status: 'active' },
    });
  });

  it('is trusted when the challenge is in DNS and the signed one is handed over', async () => {
    const record = await claim();
    const proof = await proofFor(record);
    expect(await problemOf(record, proof)).toBe('challenge_not_published');
    txt.set('_a2a-broker-challenge.localhost', [`${record.challenge} `, 'v=spf1 -all']);
    expect(await problemOf(record, proof)).toBe('challenge_not_published');
    txt.set('_a2a-broker-challenge.localhost', new OutboundError('timeout', 'DNS did not answer'));
    expect(await problemOf(record, proof)).toBe('challenge_not_published');
    txt.set('_a2a-broker-challenge.localhost', ['v=spf1 -all', record.challenge ?? '']);
    expect(await verify(record, proof)).toMatchObject({ status: 'active', trustedBy: { how: 'dns' } });
    expect(await hop()).toBe(granted);
  });

  it('may have a path, pinned keys, and OAuth metadata instead of OpenID’s', async () => {
    const other = await openIssuerSite('/realms/acme');
    const metadata = other.documents.get('/realms/acme/.well-known/openid-configuration') ?? '';
    other.documents.delete('/realms/acme/.well-known/openid-configuration');
    other.documents.set('/.well-known/oauth-authorization-server/realms/acme', metadata);
    const record = await world.trust.registerIssuer(
      'tenant:acme',
      { issuer: other.issuer, jwks: jwksOf(other.key) },
      byAcme,
    );
    other.publish(await proofFor(record, {}, {}, other.key));
    expect(await verify(record)).toMatchObject({ status: 'active' });
    expect(await hop(other)).toBe(granted);
    await other.close();
  });

  it.each([
    ['no metadata', 'metadata_unreachable', undefined],
    ['metadata that is no JSON', 'metadata_unreachable', () => 'hello'],
    ['metadata of another issuer', 'metadata_issuer_differs', () => ({ issuer: 'https://other.example' })],
    ['metadata with a slash more', 'metadata_issuer_differs', () => ({ issuer: `${site.issuer}/` })],
    ['metadata without keys', 'metadata_keys_differ', () => ({ issuer: site.issuer })],
    [
      'metadata with other keys',
      'metadata_keys_differ',
      () => ({ issuer: site.issuer, jwks_uri: `${site.jwksUri}?v=2` }),
    ],
  ] as readonly (readonly [string, string, (() => object | string) | undefined])[])(
    'with %s is not',
    async (_, problem, metadata) => {
      const record = await claim();
      site.publish(await proofFor(record));
      const path = '/.well-known/openid-configuration';
      const document = metadata?.();
      if (document === undefined) site.documents.delete(path);
      else site.documents.set(path, typeof document === 'string' ? document : JSON.stringify(document));
      expect(await problemOf(record)).toBe(problem);
    },
  );

  it('with a key set that is gone, or that lacks a pinned key, is not', async () => {
    const record = await claim();
    const pinned = await world.trust.registerIssuer(
      'tenant:acme',
      { issuer: site.issuer, jwks: jwksOf(await newParty()) },
      byAcme,
    );
    site.publish(await proofFor(pinned));
    expect(await problemOf(pinned)).toBe('metadata_keys_differ');
    site.documents.delete('/jwks');
    expect(await problemOf(pinned)).toBe('keys_unusable');
    await expect(verify(record)).rejects.toMatchObject({ code: 'not_found' });
  });

  it.each([
    ['that is not there', 'challenge_not_published', undefined],
    ['that is an empty file', 'challenge_not_published', () => Promise.resolve('')],
    [
      'that is not signed',
      'proof_malformed',
      (record: TrustRecord) => Promise.resolve(record.challenge ?? ''),
    ],
    ['of another type', 'proof_malformed', (record: TrustRecord) => proofFor(record, {}, { typ: 'JWT' })],
    [
      'for another record',
      'proof_claims_wrong',
      (record: TrustRecord) => proofFor(record, { challenge: 'x' }),
    ],
    [
      'without challenge',
      'proof_claims_wrong',
      (record: TrustRecord) => proofFor(record, { challenge: undefined }),
    ],
    [
      'for another issuer',
      'proof_claims_wrong',
      (record: TrustRecord) => proofFor(record, { iss: `${site.issuer}/` }),
    ],
    [
      'for another broker',
      'proof_claims_wrong',
      (record: TrustRecord) => proofFor(record, { aud: 'https://other.example' }),
    ],
    [
      'for two brokers',
      'proof_claims_wrong',
      (record: TrustRecord) => proofFor(record, { aud: [brokerUrl] }),
    ],
    ['that has run out', 'proof_claims_wrong', (record: TrustRecord) => proofFor(record, { iat: 1, exp: 2 })],
    ['without end', 'proof_claims_wrong', (record: TrustRecord) => proofFor(record, { exp: undefined })],
    [
      'for ten years',
      'proof_claims_wrong',
      (record: TrustRecord) => proofFor(record, { exp: world.clock.now() / 1000 + 3e8 }),
    ],
    [
      'by a key that is not published',
      'proof_key_unknown',
      async (record: TrustRecord) => proofFor(record, {}, {}, await newParty()),
    ],
    [
      'by a key that is not published, under the id of one that is',
      'proof_key_unknown',
      async (record: TrustRecord) =>
        proofFor(record, {}, { kid: site.key.jwks.keys[0]?.kid ?? '' }, await newParty()),
    ],
  ] as const)('with a signed challenge %s is not', async (_, problem, proof) => {
    const record = await claim();
    if (proof !== undefined) site.publish(await proof(record));
    expect(await problemOf(record)).toBe(problem);
  });

  it('with an algorithm that its record does not have is not', async () => {
    const record = await claim(site, { algorithms: ['PS256'] });
    site.publish(await proofFor(record));
    expect(await problemOf(record)).toBe('proof_key_unknown');
  });

  it('takes the place of the same claim before, whose proof is worth nothing then', async () => {
    const first = await claim();
    site.publish(await proofFor(first));
    const second = await claim();
    expect(second.challenge).not.toBe(first.challenge);
    await expect(read(first)).rejects.toMatchObject({ code: 'not_found' });
    expect(await problemOf(second)).toBe('proof_claims_wrong');
  });

  it('is forgotten after thirty days, and not one of fifty more', async () => {
    const record = await claim();
    world.clock.advance(30 * 24 * 3600_000);
    await expect(read(record)).rejects.toMatchObject({ code: 'not_found' });
    const jwks = jwksOf(site.key);
    const many = (count: number) => ({ issuer: `https://idp-${count}.example`, jwks });
    for (let count = 0; count < 50; count++)
      await world.trust.registerIssuer('tenant:acme', many(count), byAcme);
    const more = () => world.trust.registerIssuer('tenant:acme', many(50), byAcme);
    expect((await faultOf(world.store, more)).code).toBe('conflict');
    expect((await world.trust.registerIssuer('tenant:acme', many(50), operator)).status).toBe('active');
  });

  it('that it has already is refused', async () => {
    const again = () =>
      world.trust.registerIssuer('tenant:acme', { issuer: acme.issuer, jwks: jwksOf(site.key) }, byAcme);
    expect((await faultOf(world.store, again)).code).toBe('issuer_taken');
  });

  it('and the operator registers is trusted, and the claim is gone', async () => {
    const record = await claim();
    await world.trust.registerIssuer('tenant:acme', { issuer: site.issuer, jwksUri: site.jwksUri }, operator);
    await expect(read(record)).rejects.toMatchObject({ code: 'not_found' });
    expect(await hop()).toBe(granted);
  });

  it('that is verified twice at the same moment is trusted once', async () => {
    const record = await claim();
    site.publish(await proofFor(record));
    world.store.beforeNextCommit(() => verify(record));
    await expect(verify(record)).rejects.toMatchObject({ code: 'conflict' });
    expect(await hop()).toBe(granted);
  });
});

describe('an issuer that two parties claim', () => {
  it('belongs to who proves it; the other never learns, and keeps nobody from it', async () => {
    const squatter = await claimForProvider();
    const record = await claim();
    expect(squatter.status).toBe('pending');
    site.publish(await proofFor(record));
    expect(await verify(record)).toMatchObject({ status: 'active' });
    expect(await read(squatter)).toEqual(squatter);
    // The challenge of the one is nothing for the other.
    await expect(verify(squatter, undefined, bySkyways)).rejects.toMatchObject({ code: 'issuer_unproven' });
  });

  it('and that counts for another already waits, proven, for the operator, who cannot approve both', async () => {
    const counting = await world.trust.registerIssuer(
      'provider:skyways',
      { issuer: site.issuer, jwksUri: site.jwksUri },
      operator,
    );
    const record = await claim();
    expect(record.status).toBe('pending');
    site.publish(await proofFor(record));
    expect(await verify(record)).toMatchObject({
      status: 'verified',
      reason: 'It is proven, and waits for the operator’s approval.',
    });
    await expect(world.trust.approveIssuer('tenant:acme', record.id, operator)).rejects.toMatchObject({
      code: 'issuer_taken',
    });
    expect((await read(counting)).status).toBe('active');
  });

  it('at the same moment goes to one of them', async () => {
    const record = await claim();
    site.publish(await proofFor(record));
    world.store.beforeNextCommit(() =>
      world.trust.registerIssuer(
        'provider:skyways',
        { issuer: site.issuer, jwksUri: site.jwksUri },
        operator,
      ),
    );
    await expect(verify(record)).rejects.toMatchObject({ code: 'issuer_taken' });
    expect((await read(record)).status).toBe('pending');
  });
});

describe('a provider’s issuer', () => {
  it('is proven by the provider, and trusted by the operator', async () => {
    const record = await claimForProvider();
    site.publish(await proofFor(record));
    const proven = await verify(record, undefined, bySkyways);
    expect(proven).toMatchObject({ status: 'verified', trustedBy: { how: 'well-known' } });
    expect(await hop()).toBe(unknown);
    const approved = await world.trust.approveIssuer('provider:skyways', record.id, operator);
    expect(approved).toMatchObject({ status: 'active', trustedBy: { how: 'well-known' } });
    expect(approved).not.toHaveProperty('reason');
    expect(await world.trust.approveIssuer('provider:skyways', record.id, operator)).toEqual(approved);
    expect(await hop()).toBe('invalid_request subject_issuer_not_tenants');
    expect((await trail(world.audit)).findLast(({ action }) => action === 'issuer.approve')).toMatchObject({
      actor: 'operator',
      provider: 'skyways',
      detail: { from: 'verified' },
    });
    await expect(verify(record, undefined, bySkyways)).rejects.toMatchObject({ code: 'conflict' });
  });
});

describe('another key set', () => {
  const change = (record: TrustRecord, by: Principal, change = { jwksUri: `${site.jwksUri}-next` }) =>
    world.trust.changeIssuer('tenant:acme', record.id, change, { by, version: undefined });

  beforeEach(() => {
    site.documents.set('/jwks-next', JSON.stringify(site.key.jwks));
  });

  async function proven(): Promise<TrustRecord> {
    const record = await claim();
    site.publish(await proofFor(record));
    return verify(record);
  }

  it('by the owner has to be proven before anything rests on it again', async () => {
    const before = await proven();
    expect(await hop()).toBe(granted);
    const { record } = await change(before, byAcme);
    expect(record).toMatchObject({ status: 'pending', challenge: expect.any(String) });
    expect(record).not.toHaveProperty('trustedBy');
    expect(await hop()).toBe(unknown);
    // Nobody else gets the issuer meanwhile.
    const other = () =>
      world.trust.registerIssuer(
        'provider:skyways',
        { issuer: site.issuer, jwksUri: site.jwksUri },
        operator,
      );
    expect((await faultOf(world.store, other)).code).toBe('issuer_taken');
    site.documents.set(
      '/.well-known/openid-configuration',
      JSON.stringify({ issuer: site.issuer, jwks_uri: `${site.jwksUri}-next` }),
    );
    site.publish(await proofFor(record));
    expect(await verify(record)).toMatchObject({ status: 'active' });
    expect(await hop()).toBe(granted);
  });

  it('by the operator counts at once', async () => {
    const { record } = await change(await proven(), operator);
    expect(record).toMatchObject({ status: 'active', trustedBy: { how: 'operator' } });
    expect(await hop()).toBe(granted);
  });

  it('of a claim, also by the operator, is still a claim', async () => {
    const { record } = await change(await claim(), operator);
    expect(record.status).toBe('pending');
    expect(await hop()).toBe(unknown);
  });

  it('while it is disabled comes into force with it, and unproven', async () => {
    const before = await proven();
    await world.trust.setIssuerStatus('tenant:acme', before.id, 'disabled', byAcme);
    const { record } = await change(before, byAcme);
    expect(record.status).toBe('disabled');
    const enabled = await world.trust.setIssuerStatus('tenant:acme', before.id, 'active', byAcme);
    expect(enabled.status).toBe('pending');
    expect(await hop()).toBe(unknown);
  });

  it('that cannot be used is refused and leaves nothing', async () => {
    const record = await proven();
    const attempt = () => change(record, byAcme, { jwksUri: `${site.jwksUri}-gone` });
    expect((await faultOf(world.store, attempt)).code).toBe('keys_unusable');
  });

  it('is refused when the record has changed since it was read', async () => {
    const record = await proven();
    const attempt = () =>
      world.trust.changeIssuer('tenant:acme', record.id, { expiresAt: null }, { by: byAcme, version: 'old' });
    expect((await faultOf(world.store, attempt)).code).toBe('precondition_failed');
  });
});

describe('other members', () => {
  it('change at once, and can be taken away', async () => {
    const update = { by: byAcme, version: undefined };
    const change = (to: Parameters<typeof world.trust.changeIssuer>[2]) =>
      world.trust.changeIssuer('tenant:acme', acme.issuerId, to, update);
    const expiresAt = world.clock.now() + 1000;
    const { record } = await change({ algorithms: ['RS256'], audience: 'urn:broker', expiresAt });
    expect(record).toMatchObject({
      status: 'active',
      algorithms: ['RS256'],
      audience: 'urn:broker',
      expiresAt,
    });
    const bare = (await change({ audience: null, expiresAt: null })).record;
    expect(bare).not.toHaveProperty('audience');
    expect(bare).not.toHaveProperty('expiresAt');
    await expect(change({ expiresAt: 1 })).rejects.toMatchObject({ code: 'invalid_request' });
  });

  it('such as the issuer’s own name for the broker, which a token may then be made for', async () => {
    const made = async (aud: unknown) =>
      outcome(
        exchange(world, acme.app, await acme.idToken({ aud, azp: 'app', scope: 'a2a:read' }), {
          audience: flights.id,
        }),
      );
    expect(await made('urn:broker')).toBe('invalid_request token_audience_wrong');
    await world.trust.changeIssuer(
      'tenant:acme',
      acme.issuerId,
      { audience: 'urn:broker' },
      { by: byAcme, version: undefined },
    );
    // Made for the broker, so its scopes are the broker's, and a ceiling.
    expect(await made('urn:broker')).toBe('a2a:read');
    expect(await made(['urn:broker', 'app'])).toBe('invalid_request token_audience_wrong');
    expect(await made('urn:other')).toBe('invalid_request token_audience_wrong');
    expect(await made(brokerUrl)).toBe('a2a:read');
  });
});

describe('what the operator has disabled', () => {
  it('the operator alone enables', async () => {
    const move = (status: 'active' | 'disabled', by: Principal) =>
      world.trust.setIssuerStatus('tenant:acme', acme.issuerId, status, by);
    await move('disabled', byAcme);
    await move('disabled', operator);
    await expect(move('active', byAcme)).rejects.toMatchObject({ code: 'forbidden' });
    expect(await move('active', operator)).toMatchObject({ status: 'active' });
    await move('disabled', byAcme);
    expect(await move('active', byAcme)).toMatchObject({ status: 'active' });
  });
});
