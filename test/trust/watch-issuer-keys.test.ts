import { afterAll, afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/kernel/principal.ts';
import { createIssuerKeys } from '../../src/trust/issuer-keys.ts';
import { createIssuerRepository } from '../../src/trust/issuer-repository.ts';
import type { TrustRecord } from '../../src/trust/model.ts';
import { createTrustRepository } from '../../src/trust/trust-repository.ts';
import { watchIssuerKeys } from '../../src/trust/watch-issuer-keys.ts';
import { lookAtIssuers } from '../../src/trust/watch-quiet-issuers.ts';
import { createOutbound } from '../../src/outbound/index.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { newParty, type Party } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addClient,
  addTenant,
  type CastAgent,
  type CastTenant,
  exchange,
  jwksOf,
  outcome,
  type Program,
  subscribe,
} from './cast.ts';
import { type IssuerSite, openIssuerSite, signProof } from './issuer-site.ts';
import { anotherTrust, brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const [memory = expect.fail('no engine')] = engines;
const byAcme: Principal = { kind: 'client', clientId: 'acme-admin', owner: 'tenant:acme', scopes: [] };
const granted = 'a2a:invoke a2a:read';
const unknown = 'invalid_request token_issuer_unknown';

let world: TrustWorld;
let acme: CastTenant;
let flights: CastAgent;
let app: Program;
let site: IssuerSite;
let record: TrustRecord;

beforeEach(async () => {
  world = await openTrust(memory);
  acme = await addTenant(world, 'acme');
  flights = await addAgent(world, 'skyways/flights');
  await subscribe(world, acme, flights);
  site = await openIssuerSite();
  record = await world.trust.registerIssuer(
    'tenant:acme',
    { issuer: site.issuer, jwksUri: site.jwksUri },
    operator,
  );
  app = await addClient(world, {
    id: 'acme-web',
    owner: 'tenant:acme',
    issuerClientIds: { [site.issuer]: 'app' },
  });
});
afterEach(async () => {
  await site.close();
  await world.dispose();
});

const publish = (...parties: readonly Party[]) =>
  void site.documents.set('/jwks', JSON.stringify({ keys: parties.flatMap(({ jwks }) => jwks.keys) }));

/** An exchange at one replica with a token of the issuer that this key has signed. */
async function hop(by: Party = site.key, at: TrustWorld = world): Promise<string> {
  const iat = Math.floor(world.clock.now() / 1000);
  const token = await by.sign({ iss: site.issuer, sub: 'u', aud: 'app', iat, exp: iat + 300 });
  return outcome(exchange(at, app, token, { audience: flights.id }));
}

const later = () => world.clock.advance(10 * 60_000 + 1);
const read = async () => (await world.trust.findIssuer('tenant:acme', record.id)).record;
const actions = async () => (await trail(world.audit)).map(({ action }) => action);

describe('keys that rotate', () => {
  it('are followed from one set to the next, as long as two have a key in common', async () => {
    let last = site.key;
    for (let round = 0; round < 3; round++) {
      const next = await newParty();
      publish(last, next);
      later();
      expect(await hop(next)).toBe(granted);
      publish(next);
      later();
      expect(await hop(next)).toBe(granted);
      last = next;
    }
    expect(await read()).toMatchObject({ status: 'active', seenKeys: [expect.any(String)] });
    expect((await actions()).filter((action) => action === 'issuer.keys-rotate')).toHaveLength(6);
  });

  it('are remembered once, however many tokens find it, and not again by an older view', async () => {
    const other = anotherTrust(world);
    expect(await hop(site.key, other)).toBe(granted);
    const next = await newParty();
    publish(site.key, next);
    world.clock.advance(5_000);
    expect(await Promise.all(Array.from({ length: 5 }, () => hop(next)))).toEqual(
      Array.from({ length: 5 }, () => granted),
    );
    // Here the set from before is still at hand, and its key still counts.
    expect(await hop(site.key, other)).toBe(granted);
    expect((await actions()).filter((action) => action === 'issuer.keys-rotate')).toHaveLength(1);
    expect((await read()).seenKeys).toHaveLength(2);
  });

  it('twice, unseen by a replica that has the first set still, are no replacement', async () => {
    const other = anotherTrust(world);
    expect(await hop(site.key, other)).toBe(granted);
    const next = await newParty();
    publish(site.key, next);
    world.clock.advance(5_000);
    expect(await hop(next)).toBe(granted);
    publish(next);
    world.clock.advance(5_000);
    const third = await newParty();
    publish(next, third);
    expect(await hop(third)).toBe(granted);
    expect(await hop(site.key)).toBe('invalid_request token_key_unknown');
    // It looks again, and finds what the others know.
    expect(await hop(site.key, other)).toBe('invalid_request token_key_unknown');
    expect(await hop(next, other)).toBe(granted);
    expect((await read()).status).toBe('active');
  });

  it('are known by what they are, not by their ids', async () => {
    const [jwk] = site.key.jwks.keys;
    site.documents.set('/jwks', JSON.stringify({ keys: [{ ...jwk, kid: 'renamed' }] }));
    later();
    const iat = Math.floor(world.clock.now() / 1000);
    const claims = { iss: site.issuer, sub: 'u', aud: 'app', iat, exp: iat + 300 };
    const token = await site.key.sign(claims, { kid: 'renamed' });
    expect(await outcome(exchange(world, app, token, { audience: flights.id }))).toBe(granted);
    expect(await actions()).not.toContain('issuer.keys-rotate');
  });
});

describe('keys that are replaced all at once', () => {
  let thief: Party;

  beforeEach(async () => {
    thief = await newParty();
    await hop();
    publish(thief);
    later();
  });

  it('end the trust, for good, everywhere, and say so', async () => {
    const other = anotherTrust(world);
    expect(await hop(thief)).toBe(unknown);
    expect(await read()).toMatchObject({
      status: 'keys_replaced',
      reason: 'All published keys were replaced at once.',
      challenge: expect.stringMatching(/^[\w-]{43}$/),
    });
    const entries = await trail(world.audit);
    expect(entries.find(({ action }) => action === 'issuer.keys-replace')).toEqual({
      action: 'issuer.keys-replace',
      outcome: 'refused',
      reason: 'keys_replaced',
      tenant: 'acme',
      detail: {
        issuer: site.issuer,
        trusted: record.seenKeys,
        published: [expect.stringMatching(/^[\w-]{43}$/)],
      },
    });
    publish(site.key);
    later();
    for (const at of [world, other, anotherTrust(world)])
      for (const by of [site.key, thief]) expect(await hop(by, at)).toBe(unknown);
  });

  it('are noticed by a replica that has started after it, from what the record remembers', async () => {
    expect(await hop(thief, anotherTrust(world))).toBe(unknown);
    expect((await read()).status).toBe('keys_replaced');
  });

  it('are noticed once by many at the same moment', async () => {
    const all = await Promise.all(Array.from({ length: 5 }, () => hop(thief)));
    for (const result of all) expect(result).toMatch(/token_issuer_(?:unknown|keys_replaced)$/);
    expect((await actions()).filter((action) => action === 'issuer.keys-replace')).toHaveLength(1);
  });

  it('are trusted again when the operator approves what is there now', async () => {
    expect(await hop(thief)).toBe(unknown);
    const approved = await world.trust.approveIssuer('tenant:acme', record.id, operator);
    expect(approved).toMatchObject({ status: 'active', trustedBy: { how: 'operator' } });
    expect(approved).not.toHaveProperty('challenge');
    expect(await hop(thief)).toBe(granted);
    expect(await hop(site.key)).toBe('invalid_request token_key_unknown');
  });

  it('are trusted again when the owner proves them', async () => {
    expect(await hop(thief)).toBe(unknown);
    const now = await read();
    site.publish(
      await signProof(thief, { ...now, challenge: now.challenge, broker: brokerUrl, now: world.clock.now() }),
    );
    expect(await world.trust.verifyIssuer('tenant:acme', record.id, undefined, byAcme)).toMatchObject({
      status: 'active',
      trustedBy: { how: 'well-known' },
    });
    expect(await hop(thief)).toBe(granted);
  });

  it('are not made good by disabling and enabling', async () => {
    expect(await hop(thief)).toBe(unknown);
    for (const status of ['disabled', 'active'] as const)
      await world.trust.setIssuerStatus('tenant:acme', record.id, status, byAcme);
    expect((await read()).status).toBe('keys_replaced');
    expect(await hop(thief)).toBe(unknown);
  });
});

describe('while no token comes', () => {
  const log = createLog({ level: 'silent' });
  const outbound = createOutbound({ log, allowPrivateNetwork: true });
  let round: () => Promise<void>;
  afterAll(() => outbound.close());
  beforeEach(() => {
    const { store, audit, events, clock } = world;
    const stored = {
      repository: createTrustRepository(store),
      issuers: createIssuerRepository(store),
      audit,
      events,
      clock,
    };
    const issuerKeys = watchIssuerKeys(stored, createIssuerKeys({ clock, outbound }));
    round = () => lookAtIssuers({ ...stored, issuerKeys, log }, new AbortController().signal);
  });
  const sixHours = () => world.clock.advance(6 * 3600_000);

  it('keys that rotate step by step are followed', async () => {
    await round();
    const next = await newParty();
    publish(site.key, next);
    sixHours();
    await round();
    publish(next);
    sixHours();
    await round();
    expect(await hop(next)).toBe(granted);
    expect((await read()).seenKeys).toHaveLength(1);
  });

  it('and nobody looks, a whole rotation looks like a replacement', async () => {
    publish(await newParty());
    sixHours();
    await round();
    expect((await read()).status).toBe('keys_replaced');
  });

  it('rounds are six hours apart, whoever does them', async () => {
    await round();
    publish(await newParty());
    world.clock.advance(6 * 3600_000 - 1);
    await round();
    expect((await read()).status).toBe('active');
    world.clock.advance(1);
    await Promise.all([round(), round()]);
    expect((await read()).status).toBe('keys_replaced');
    expect((await actions()).filter((action) => action === 'issuer.keys-replace')).toHaveLength(1);
  });

  it('an issuer that does not answer is left as it is', async () => {
    await round();
    site.documents.delete('/jwks');
    sixHours();
    await round();
    expect((await read()).status).toBe('active');
  });
});

it('keys that are pinned are not watched, and keys of a client are its own affair', async () => {
  expect(await outcome(exchange(world, acme.app, await acme.idToken(), { audience: flights.id }))).toBe(
    granted,
  );
  const { record: pinned } = await world.trust.findIssuer('tenant:acme', acme.issuerId);
  expect(pinned).toMatchObject({ jwks: jwksOf(acme.idp) });
  expect(pinned).not.toHaveProperty('seenKeys');
});

it('a record from before keys were watched is watched from what is seen first', async () => {
  const [stored] = (await world.store.snapshot()).filter(
    ({ partition, value }) =>
      partition.startsWith('trust-record#') && (value as TrustRecord).id === record.id,
  );
  if (stored === undefined) throw new Error('no record');
  const { seenKeys: _, keysSeenAt: __, ...old } = stored.value as TrustRecord;
  await world.store.commit([{ op: 'put', partition: stored.partition, sort: 'record', value: old }]);
  expect(await hop()).toBe(granted);
  expect((await read()).seenKeys).toEqual(record.seenKeys);
});
