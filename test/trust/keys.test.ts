import { randomBytes } from 'node:crypto';
import { calculateJwkThumbprint, compactVerify, importJWK, type JWK } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Store } from '../../src/storage/port.ts';
import {
  checkMasterKey,
  createKeys,
  localKeyEncryption,
  MasterKeyError,
  requireNoKeys,
} from '../../src/trust/index.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';
import { type WatchedStore, watchStore } from '../tenancy/watched-store.ts';

type Keys = Awaited<ReturnType<typeof createKeys>>;

describe.each(engines)('the broker’s own keys, on $name', (engine) => {
  let clock: TestClock;
  let store: WatchedStore;
  let dispose: () => Promise<void>;
  const masterKey = randomBytes(32);
  const start = (key: Uint8Array = masterKey, on: Store = store, previous?: Uint8Array) =>
    createKeys({ store: on, clock, encryption: localKeyEncryption(key, previous) });

  beforeEach(async () => {
    clock = testClock();
    const opened = await engine.open(clock);
    store = watchStore(opened.store);
    dispose = opened.dispose;
  });
  afterEach(() => dispose());

  it('are made at the first start and found at the next', async () => {
    const first = await start();
    const records = await store.snapshot();
    const second = await start();
    expect(identity(second)).toEqual(identity(first));
    expect(await store.snapshot()).toEqual(records);
  });

  it('are others on another store', async () => {
    const other = await engine.open(clock);
    const [one, two] = [await start(), await start(masterKey, other.store)];
    expect(identity(two).keyIds).not.toEqual(identity(one).keyIds);
    expect(identity(two).secret).not.toBe(identity(one).secret);
    await other.dispose();
  });

  it('are the same for processes that start together', async () => {
    const keys = await Promise.all([start(), start(), start(), start()]);
    expect(new Set(keys.map((one) => JSON.stringify(identity(one)))).size).toBe(1);
    expect(identity(await start())).toEqual(identity(keys[0] as Keys));
  });

  it('are the same when another process is faster, whichever key it makes first', async () => {
    let faster: Keys | undefined;
    store.beforeNextCommit(async () => (faster = await start()));
    const slower = await start();
    expect(identity(slower)).toEqual(identity(faster as Keys));
  });

  it('are published as public keys with their thumbprints, one for each use', async () => {
    const { keys } = (await start()).jwks();
    expect(keys).toHaveLength(2);
    for (const key of keys as readonly JWK[]) {
      expect(Object.keys(key).toSorted()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y']);
      expect(key).toMatchObject({ kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig' });
      expect(key.kid).toBe(await calculateJwkThumbprint(key, 'sha256'));
    }
  });

  it('sign what the published keys verify; cards never with the key for tokens', async () => {
    const keys = await start();
    const [tokenKey, cardKey] = keys.jwks().keys as readonly JWK[];
    expect(keys.signingKey().keyId).toBe(tokenKey?.kid);
    const signed = await keys.cardSigner().sign(Buffer.from('{"name":"card"}'));
    const jws = `${signed.protected}.${Buffer.from('{"name":"card"}').toString('base64url')}.${signed.signature}`;
    const { protectedHeader } = await compactVerify(jws, await importJWK(cardKey as JWK));
    expect(protectedHeader).toEqual({ alg: 'ES256', kid: cardKey?.kid, typ: 'JOSE' });
    expect(keys.verificationKey(cardKey?.kid)).toBeUndefined();
    expect(keys.verificationKey(undefined)).toBeUndefined();
    expect(keys.verificationKey(tokenKey?.kid)).toBeDefined();
  });

  it('are nowhere in the store in clear', async () => {
    const keys = await start();
    const der = keys.signingKey().privateKey.export({ format: 'der', type: 'pkcs8' });
    const { d } = keys.signingKey().privateKey.export({ format: 'jwk' });
    const stored = JSON.stringify(await store.snapshot());
    for (const secret of [der, Buffer.from(d ?? '', 'base64url'), Buffer.from(keys.pairwiseSecret())])
      for (const encoding of ['base64', 'base64url', 'hex'] as const)
        expect(stored).not.toContain(secret.toString(encoding).replace(/=+$/, ''));
    expect(stored).toContain(keys.signingKey().keyId);
  });

  describe('with another master key', () => {
    it('the start is refused, with a sentence about what to do, and makes no new identity', async () => {
      await start();
      const before = await store.snapshot();
      const refused = await start(randomBytes(32)).catch((error: unknown) => error);
      expect(refused).toBeInstanceOf(MasterKeyError);
      expect((refused as Error).message).toContain('BROKER_MASTER_KEY');
      expect(await store.snapshot()).toEqual(before);
    });

    it('nothing is added to what a first start that was interrupted has left', async () => {
      await start().then(keepOnly('access-token'));
      const before = await store.snapshot();
      await expect(start(randomBytes(32))).rejects.toBeInstanceOf(MasterKeyError);
      expect(await store.snapshot()).toEqual(before);
      expect(identity(await start()).keyIds).toHaveLength(2);
    });

    it('of two that start together on different ones, one is refused', async () => {
      const outcomes = await Promise.allSettled([start(), start(randomBytes(32))]);
      const refused = outcomes.filter((outcome) => outcome.status === 'rejected');
      expect(refused.map(({ reason }) => (reason as Error).name)).toEqual(['MasterKeyError']);
    });
  });

  it.each(['iv', 'tag', 'data'] as const)(
    'are not used when their %s was changed in the store',
    async (member) => {
      await start();
      const place = { partition: 'signing-keys', sort: 'access-token' };
      const record = await store.get<{ encrypted: Record<string, string> }>(place);
      const encrypted = { ...record?.value.encrypted };
      encrypted[member] = flipped(encrypted[member] ?? '');
      await store.commit([{ op: 'put', ...place, value: { ...record?.value, encrypted } }]);
      await expect(start()).rejects.toBeInstanceOf(MasterKeyError);
    },
  );

  it('cannot be swapped for one another in the store', async () => {
    await start();
    const place = (sort: string) => ({ partition: 'signing-keys', sort });
    const card = await store.get<{ encrypted: object }>(place('agent-card'));
    const token = await store.get<{ encrypted: object }>(place('access-token'));
    const swapped = { ...token?.value, encrypted: card?.value.encrypted };
    await store.commit([{ op: 'put', ...place('access-token'), value: swapped }]);
    await expect(start()).rejects.toBeInstanceOf(MasterKeyError);
  });

  describe('whose master key is replaced', () => {
    const next = randomBytes(32);
    const fits = (key: Uint8Array) =>
      checkMasterKey({ store, encryption: localKeyEncryption(key) }).catch((error: Error) => error.name);
    const reencrypt = async (keys: Keys) => store.commit(await keys.reencrypt());

    it('are opened with both, and after they were encrypted anew with the new one alone', async () => {
      const before = identity(await start());
      const keys = await start(next, store, masterKey);
      expect(identity(keys)).toEqual(before);
      expect(await fits(next)).toBe('MasterKeyError');
      expect(await keys.reencrypt()).toHaveLength(3);
      expect((await reencrypt(keys)).ok).toBe(true);
      expect(await keys.reencrypt()).toEqual([]);
      expect([await fits(next), await fits(masterKey)]).toEqual(['fits', 'MasterKeyError']);
      expect(identity(await start(next))).toEqual(before);
      await expect(start()).rejects.toBeInstanceOf(MasterKeyError);
    });

    it('include every generation, and what is made meanwhile', async () => {
      const first = await start();
      clock.advance(1);
      await store.commit([(await first.next('access-token', false)).write]);
      const keys = await start(next, store, masterKey);
      await store.commit([(await keys.next('agent-card', false)).write]);
      expect(await keys.reencrypt()).toHaveLength(4);
      await reencrypt(keys);
      expect((await start(next)).list().map(({ purpose }) => purpose)).toEqual([
        'access-token',
        'access-token',
        'agent-card',
        'agent-card',
      ]);
    });

    it('are not written over when they change at the same moment', async () => {
      const keys = await start(next, await start().then(() => store), masterKey);
      const writes = await keys.reencrypt();
      await reencrypt(keys);
      expect((await store.commit(writes)).ok).toBe(false);
    });

    it('stay as they are while one of them cannot be opened', async () => {
      await start();
      const place = { partition: 'signing-keys', sort: 'pairwise-v1' };
      const stranger = await localKeyEncryption(randomBytes(32)).encrypt(randomBytes(32), place.sort);
      const keys = await start(next, store, masterKey);
      await store.commit([{ op: 'put', ...place, value: stranger }]);
      await expect(keys.reencrypt()).rejects.toBeInstanceOf(MasterKeyError);
    });
  });

  describe('that were lost', () => {
    it.each(['access-token', 'agent-card', 'pairwise-v1'])(
      'are not made again, for that would be another broker: %s',
      async (sort) => {
        await start();
        await store.commit([{ op: 'delete', partition: 'signing-keys', sort }]);
        const before = await store.snapshot();
        const refused = await start().catch((error: unknown) => error);
        expect(refused).toBeInstanceOf(MasterKeyError);
        expect((refused as Error).message).toContain('backup');
        expect(await store.snapshot()).toEqual(before);
      },
    );

    it('keep a new master key from being made', async () => {
      await requireNoKeys(store);
      await start();
      await expect(requireNoKeys(store)).rejects.toThrow('master.key');
    });
  });

  /** As after a crash between two commits of the first start. */
  function keepOnly(sort: string): () => Promise<unknown> {
    return async () => {
      const { items } = await store.list<unknown>('signing-keys');
      const others = items.filter((item) => item.sort !== sort);
      return store.commit([
        ...others.map((item) => ({ op: 'delete', partition: 'signing-keys', sort: item.sort }) as const),
        { op: 'delete', partition: 'identity', sort: 'broker' },
      ]);
    };
  }
});

/** All that others know the broker by. */
function identity(keys: Keys): { readonly keyIds: readonly unknown[]; readonly secret: string } {
  return {
    keyIds: keys.jwks().keys.map((key) => key['kid']),
    secret: Buffer.from(keys.pairwiseSecret()).toString('hex'),
  };
}

function flipped(text: string): string {
  const bytes = Buffer.from(text, 'base64url');
  bytes[0] = (bytes[0] ?? 0) ^ 1;
  return bytes.toString('base64url');
}
