import { type JsonWebKey, type KeyObject, randomBytes } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import type { CardSigner } from '../registry/index.ts';
import type { Store, Write } from '../storage/port.ts';
import { encryptKey, type Encrypted } from './key-encryption.ts';
import {
  decrypt,
  type KeyPurpose,
  keyPurposes,
  type KeyRecord,
  type LoadedKey,
  loadKey,
  makeKey,
} from './key-record.ts';
import { type KeyStanding, publishedBeforeUseMs, standingOf } from './key-ring.ts';
import type { SigningKey } from './jwt.ts';
import { signEs256 } from './signature.ts';

export { MasterKeyError } from './key-record.ts';

export interface Keys {
  /** For access tokens. */
  signingKey(): SigningKey;
  /** Ours, by key id, for tokens that come back to us; none that is retired or revoked. */
  verificationKey(keyId: string | undefined): KeyObject | undefined;
  cardSigner(): CardSigner;
  /** Public halves of all keys that count, or soon will (RFC 7517). */
  jwks(): { readonly keys: readonly JsonWebKey[] };
  /** For the pairwise subject (versioned by its prefix); never leaves the process. */
  pairwiseSecret(): Uint8Array;
  /** Every generation, retired ones too, oldest first. */
  list(): readonly (Pick<KeyRecord, 'keyId' | 'purpose' | 'createdAt' | 'activeFrom'> & KeyStanding)[];
  /** Looks for keys that another process has made. */
  refresh(): Promise<void>;
  /** The next generation, and the write that adds it unless somebody else has added one; {@link Keys.refresh} finds it. */
  next(purpose: KeyPurpose, compromised: boolean): { readonly record: KeyRecord; readonly write: Write };
}

export interface KeyDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly masterKey: Uint8Array;
}

const partition = 'signing-keys';

/** The first generation has the purpose's name; later ones follow it in order. */
const sortOf = (purpose: KeyPurpose, generation: number) =>
  generation === 1 ? purpose : `${purpose}#${String(generation).padStart(6, '0')}`;

/**
 * Finds the signing keys, or makes them at the very first start; of several processes that start together one wins.
 * Throws {@link MasterKeyError} when the keys there cannot be decrypted.
 */
export async function createKeys(deps: KeyDeps): Promise<Keys> {
  const generations: Record<KeyPurpose, readonly LoadedKey[]> = { 'access-token': [], 'agent-card': [] };
  // One after the other: under a wrong master key the first one there ends the start, before anything new is made beside it.
  for (const purpose of keyPurposes) generations[purpose] = [await loadOrMakeFirst(deps, purpose)];
  const secret = await loadOrMakeSecret(deps);

  async function refresh(): Promise<void> {
    for (const purpose of keyPurposes) {
      const { items } = await deps.store.list<KeyRecord>(partition, { sortPrefix: purpose, limit: 1000 });
      const known = generations[purpose];
      if (items.length === known.length) continue;
      generations[purpose] = items.map(
        ({ value }) => known.find(({ keyId }) => keyId === value.keyId) ?? loadKey(value, deps.masterKey),
      );
    }
  }
  await refresh();

  function standings(purpose: KeyPurpose): readonly (KeyStanding & { readonly key: LoadedKey })[] {
    const keys = generations[purpose];
    const records = keys.map(({ record }) => record);
    return standingOf(records, deps.clock.now()).flatMap((standing, index) => {
      const key = keys[index];
      return key === undefined ? [] : [{ ...standing, key }];
    });
  }

  function current(purpose: KeyPurpose): LoadedKey {
    const keys = generations[purpose];
    // By far the most common case, and on the path of every token.
    if (keys.length === 1 && keys[0] !== undefined) return keys[0];
    const found = standings(purpose).find(({ state }) => state === 'current');
    if (found === undefined) throw new Error(`there is no current ${purpose} key`);
    return found.key;
  }

  return {
    signingKey: () => current('access-token'),
    verificationKey: (keyId) =>
      standings('access-token').find(({ key, state }) => key.keyId === keyId && state !== 'retired')?.key
        .publicKey,
    cardSigner: () => ({
      get keyId() {
        return current('agent-card').keyId;
      },
      sign: (payload) => {
        const { keyId, privateKey } = current('agent-card');
        const header = JSON.stringify({ alg: 'ES256', kid: keyId, typ: 'JOSE' });
        const protectedPart = Buffer.from(header).toString('base64url');
        const signature = signEs256(
          privateKey,
          `${protectedPart}.${Buffer.from(payload).toString('base64url')}`,
        );
        return Promise.resolve({ protected: protectedPart, signature });
      },
    }),
    jwks: () => ({
      keys: keyPurposes.flatMap((purpose) =>
        standings(purpose)
          .filter(({ state }) => state !== 'retired')
          .map(({ key }) => key.record.publicJwk),
      ),
    }),
    pairwiseSecret: () => secret,
    list: () =>
      keyPurposes.flatMap((purpose) =>
        standings(purpose).map(({ key: { record }, ...standing }) => ({
          keyId: record.keyId,
          purpose: record.purpose,
          createdAt: record.createdAt,
          activeFrom: record.activeFrom,
          ...standing,
        })),
      ),
    refresh,
    next(purpose, compromised) {
      const createdAt = deps.clock.now();
      const record = makeKey(purpose, deps.masterKey, {
        createdAt,
        activeFrom: compromised ? createdAt : createdAt + publishedBeforeUseMs,
        ...(compromised ? { revokesEarlier: true } : {}),
      });
      const sort = sortOf(purpose, generations[purpose].length + 1);
      return { record, write: { op: 'putIfAbsent', partition, sort, value: record } };
    },
  };
}

/**
 * Whether this master key opens the keys that are there; `none` before the first start. Makes nothing. Throws
 * {@link MasterKeyError} when it does not.
 */
export async function checkMasterKey(deps: Pick<KeyDeps, 'store' | 'masterKey'>): Promise<'fits' | 'none'> {
  const places = keyPurposes.map((purpose) => ({ partition, sort: sortOf(purpose, 1) }));
  const records = await deps.store.getMany<KeyRecord>(places);
  const present = records.flatMap((record) => record?.value ?? []);
  for (const { encrypted, keyId } of present) decrypt(encrypted, deps.masterKey, keyId);
  return present.length === 0 ? 'none' : 'fits';
}

async function loadOrMakeFirst(deps: KeyDeps, purpose: KeyPurpose): Promise<LoadedKey> {
  const place = { partition, sort: sortOf(purpose, 1) };
  const existing = await deps.store.get<KeyRecord>(place);
  if (existing !== undefined) return loadKey(existing.value, deps.masterKey);
  const now = deps.clock.now();
  const made = makeKey(purpose, deps.masterKey, { createdAt: now, activeFrom: now });
  const commit = await deps.store.commit([{ op: 'putIfAbsent', ...place, value: made }]);
  if (commit.ok) return loadKey(made, deps.masterKey);
  const winner = await deps.store.get<KeyRecord>(place);
  if (winner === undefined) throw new Error(`the ${purpose} key vanished between two reads`);
  return loadKey(winner.value, deps.masterKey);
}

async function loadOrMakeSecret(deps: KeyDeps): Promise<Uint8Array> {
  const place = { partition, sort: 'pairwise-v1' };
  const made = encryptKey(randomBytes(32), deps.masterKey, place.sort);
  await deps.store.commit([{ op: 'putIfAbsent', ...place, value: made }]);
  const record = await deps.store.get<Encrypted>(place);
  if (record === undefined) throw new Error('the pairwise secret vanished between two reads');
  return decrypt(record.value, deps.masterKey, place.sort);
}
