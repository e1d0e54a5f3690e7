import { randomBytes } from 'node:crypto';
import { decodeProtectedHeader } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/storage/port.ts';
import { createKeys, localKeyEncryption } from '../../src/trust/index.ts';
import { rotateOldKeys } from '../../src/trust/rotate-keys.ts';
import { engines } from '../support/stores.ts';
import { addAgent, addTenant, type CastAgent, type CastTenant, exchange, subscribe } from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

const minute = 60_000;
const day = 24 * 60 * minute;

describe.each(engines)('rotation of the broker’s keys, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    await subscribe(world, acme, flights);
  });
  afterEach(() => world.dispose());

  const token = async () =>
    (await exchange(world, acme.app, await acme.idToken(), { audience: flights.id })).access_token;
  const keyOf = (jwt: string) => decodeProtectedHeader(jwt).kid;
  const verifies = async (jwt: string) => (await world.trust.verifyCallToken(jwt, flights.id)).ok;
  const published = () => world.keys.jwks().keys.map((key) => key['kid']);
  const states = (purpose: string) =>
    world.trust
      .listKeys()
      .filter((key) => key.purpose === purpose)
      .map(({ state }) => state);

  it('publishes the next key, uses it later, and lets what the last one signed end by itself', async () => {
    const [first] = published();
    await world.trust.rotateKeys({ reason: 'yearly' }, operator);
    expect(states('access-token')).toEqual(['current', 'upcoming']);
    expect(published()).toHaveLength(4);

    world.clock.advance(10 * minute - 1);
    const before = await token();
    expect(keyOf(before)).toBe(first);
    world.clock.advance(1);
    const after = await token();
    expect(keyOf(after)).not.toBe(first);
    expect(published()).toContain(keyOf(after));
    expect([await verifies(before), await verifies(after)]).toEqual([true, true]);

    world.clock.advance(10 * minute);
    expect(states('access-token')).toEqual(['retired', 'current']);
    expect(published()).not.toContain(first);
  });

  it('stops what a compromised key has signed at once, also what was verified before', async () => {
    const stolen = await token();
    expect(await verifies(stolen)).toBe(true);
    await world.trust.rotateKeys({ reason: 'leaked', compromised: true }, operator);
    expect(await verifies(stolen)).toBe(false);
    expect(published()).not.toContain(keyOf(stolen));
    const fresh = await token();
    expect(keyOf(fresh)).not.toBe(keyOf(stolen));
    expect(await verifies(fresh)).toBe(true);
  });

  it('signs cards with the next key when its time has come', async () => {
    const signer = world.keys.cardSigner();
    const first = signer.keyId;
    await world.trust.rotateKeys({ purposes: ['agent-card'], reason: 'yearly' }, operator);
    expect(signer.keyId).toBe(first);
    world.clock.advance(10 * minute);
    expect(signer.keyId).not.toBe(first);
    const { protected: header } = await signer.sign(Buffer.from('{}'));
    expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toMatchObject({ kid: signer.keyId });
    // Cards that others have fetched go on to verify.
    expect(published()).toContain(first);
    expect(states('access-token')).toEqual(['current']);
  });

  it('waits for a key that waits for its turn, but not when one is compromised', async () => {
    await world.trust.rotateKeys({ reason: 'yearly' }, operator);
    await expect(world.trust.rotateKeys({ reason: 'again' }, operator)).rejects.toMatchObject({
      code: 'conflict',
    });
    await world.trust.rotateKeys({ reason: 'leaked', compromised: true }, operator);
    expect(states('access-token')).toEqual(['retired', 'retired', 'current']);
  });

  it('happens once when several do it at the same moment', async () => {
    const outcomes = await Promise.allSettled(
      Array.from({ length: 4 }, () => world.trust.rotateKeys({ reason: 'yearly' }, operator)),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(states('access-token')).toHaveLength(2);
  });

  it('is on record, with who and why', async () => {
    await world.trust.rotateKeys(
      { purposes: ['access-token'], reason: 'leaked', compromised: true },
      operator,
    );
    const { items } = await world.audit.list({});
    const newest = world.trust.listKeys().findLast(({ purpose }) => purpose === 'access-token');
    expect(items[0]?.value).toMatchObject({
      action: 'key.rotate',
      actor: 'operator',
      detail: { purpose: 'access-token', keyId: newest?.keyId, compromised: true, reason: 'leaked' },
    });
  });

  it('comes by itself with age, once, whoever looks first', async () => {
    const { audit, events, keys, clock } = world;
    const context = { store: world.store as Store, audit, events, keys, clock };
    await rotateOldKeys(context, 90 * day);
    expect(states('access-token')).toEqual(['current']);
    world.clock.advance(90 * day + 1);
    await Promise.all([rotateOldKeys(context, 90 * day), rotateOldKeys(context, 90 * day)]);
    await rotateOldKeys(context, 90 * day);
    expect(states('access-token')).toEqual(['current', 'upcoming']);
    expect(states('agent-card')).toEqual(['current', 'upcoming']);
  });

  it('is seen by another process when it looks, and by one that starts', async () => {
    const encryption = localKeyEncryption(randomBytes(32));
    const opened = await engine.open(world.clock);
    const start = () => createKeys({ store: opened.store, clock: world.clock, encryption });
    const [one, other] = [await start(), await start()];
    await opened.store.commit([(await one.next('access-token', true)).write]);
    await other.refresh();
    expect(other.signingKey().keyId).not.toBe(one.signingKey().keyId);
    expect((await start()).signingKey().keyId).toBe(other.signingKey().keyId);
    await opened.dispose();
  });
});
