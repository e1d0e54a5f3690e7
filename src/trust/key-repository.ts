import { randomBytes } from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import type { Store, StoredRecord, Write } from '../storage/port.ts';
import type { Encrypted, KeyEncryption } from './key-encryption.ts';
import {
  decrypt,
  type KeyPurpose,
  keyPurposes,
  type KeyRecord,
  type LoadedKey,
  loadKey,
  makeKey,
  MasterKeyError,
} from './key-record.ts';

export interface KeyDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly encryption: KeyEncryption;
}

const partition = 'signing-keys';
const secretPlace = { partition, sort: 'pairwise-v1' };
/** Not beside the keys: it says that they were there. */
const identityPlace = { partition: 'identity', sort: 'broker' };

/** The first generation has the purpose's name; later ones follow it in order. */
const sortOf = (purpose: KeyPurpose, generation: number) =>
  generation === 1 ? purpose : `${purpose}#${String(generation).padStart(6, '0')}`;

const firstPlaces = keyPurposes.map((purpose) => ({ partition, sort: sortOf(purpose, 1) }));

/** A signing key's record holds what is encrypted beside its public half; a secret's is nothing else. */
type Holder = SecretRecord | KeyRecord;

/** Absent `activeFrom`: from the beginning. */
type SecretRecord = Encrypted & { readonly activeFrom?: number };

/** One version of the secret behind pairwise subjects. */
export interface PairwiseSecret {
  readonly version: number;
  readonly secret: Uint8Array;
  /** Epoch milliseconds. Users who are new somewhere get subjects of it from then on. */
  readonly activeFrom: number;
}

const secretSort = (version: number) => `pairwise-v${version}`;

/** Keys: see docs/storage/trust.md. */
export function createKeyRepository(deps: KeyDeps) {
  const { store, encryption } = deps;

  return {
    /** Throws {@link MasterKeyError} when this store had keys that are gone: to make new ones would be a new identity. */
    async requireComplete(): Promise<void> {
      if ((await store.get(identityPlace)) === undefined) return;
      const found = await store.getMany([...firstPlaces, secretPlace]);
      if (found.every((record) => record !== undefined)) return;
      throw new MasterKeyError(
        'Signing keys are missing from the store, which had them. Restore them from a backup; a new identity would not be ' +
          'trusted by anybody.',
      );
    },

    async markComplete(): Promise<void> {
      await store.commit([{ op: 'putIfAbsent', ...identityPlace, value: { createdAt: deps.clock.now() } }]);
    },

    async generations(purpose: KeyPurpose): Promise<readonly StoredRecord<KeyRecord>[]> {
      return (await store.list<KeyRecord>(partition, { sortPrefix: purpose, limit: 1000 })).items;
    },

    insert: (record: KeyRecord, generation: number): Write => ({
      op: 'putIfAbsent',
      partition,
      sort: sortOf(record.purpose, generation),
      value: record,
    }),

    async loadOrMakeFirst(purpose: KeyPurpose): Promise<LoadedKey> {
      const place = { partition, sort: sortOf(purpose, 1) };
      const existing = await store.get<KeyRecord>(place);
      if (existing !== undefined) return loadKey(existing.value, encryption);
      const now = deps.clock.now();
      const made = await makeKey(purpose, encryption, { createdAt: now, activeFrom: now });
      const commit = await store.commit([{ op: 'putIfAbsent', ...place, value: made }]);
      if (commit.ok) return loadKey(made, encryption);
      const winner = await store.get<KeyRecord>(place);
      if (winner === undefined) throw new Error(`the ${purpose} key vanished between two reads`);
      return loadKey(winner.value, encryption);
    },

    async loadOrMakeSecret(): Promise<Uint8Array> {
      const made = await encryption.encrypt(randomBytes(32), secretPlace.sort);
      await store.commit([{ op: 'putIfAbsent', ...secretPlace, value: made }]);
      const record = await store.get<Encrypted>(secretPlace);
      if (record === undefined) throw new Error('the pairwise secret vanished between two reads');
      return decrypt(record.value, encryption, secretPlace.sort);
    },

    /** All versions, oldest first; those that are known are not decrypted again. */
    async secrets(known: readonly PairwiseSecret[]): Promise<readonly PairwiseSecret[]> {
      const { items } = await store.list<SecretRecord>(partition, { sortPrefix: 'pairwise-v', limit: 1000 });
      if (items.length === known.length) return known;
      const all = await Promise.all(
        items.map(async ({ sort, value }) => {
          const version = Number(sort.slice('pairwise-v'.length));
          const loaded = known.find((one) => one.version === version);
          if (loaded !== undefined) return loaded;
          return {
            version,
            secret: await decrypt(value, encryption, sort),
            activeFrom: value.activeFrom ?? 0,
          };
        }),
      );
      return all.toSorted((one, other) => one.version - other.version);
    },

    /** The write that adds a version, unless it is there. */
    async makeSecret(version: number, activeFrom: number): Promise<Write> {
      const sort = secretSort(version);
      const value: SecretRecord = { ...(await encryption.encrypt(randomBytes(32), sort)), activeFrom };
      return { op: 'putIfAbsent', partition, sort, value };
    },

    /** Each write fails when its record has changed meanwhile. Throws {@link MasterKeyError}. */
    async reencrypt(): Promise<readonly Write[]> {
      const writes: Write[] = [];
      let cursor: string | undefined;
      do {
        const page = await store.list<Holder>(partition, {
          limit: 100,
          ...(cursor === undefined ? {} : { cursor }),
        });
        for (const { sort, version, value } of page.items) {
          const anew = await reencrypted(value, sort, encryption);
          if (anew !== undefined) writes.push({ op: 'putIfVersion', partition, sort, version, value: anew });
        }
        ({ cursor } = page);
      } while (cursor !== undefined);
      return writes;
    },
  };
}

/** `undefined` when the current key encrypted it. */
async function reencrypted(
  value: Holder,
  sort: string,
  encryption: KeyEncryption,
): Promise<Holder | undefined> {
  const isKey = 'encrypted' in value;
  const encrypted = isKey ? value.encrypted : value;
  const context = isKey ? value.keyId : sort;
  if (encrypted.key === encryption.current) return undefined;
  const anew = await encryption.encrypt(await decrypt(encrypted, encryption, context), context);
  return isKey ? { ...value, encrypted: anew } : { ...value, ...anew };
}

/** Where no master key is: only a store without keys may get a new one. Throws {@link MasterKeyError}. */
export async function requireNoKeys(store: Store): Promise<void> {
  const found = await store.getMany([...firstPlaces, identityPlace]);
  if (found.every((record) => record === undefined)) return;
  throw new MasterKeyError(
    'The master key of this store is gone. Put master.key back into the data directory, or set BROKER_MASTER_KEY to what it ' +
      'held: no other key opens what is there.',
  );
}

/**
 * Whether this master key opens the keys that are there; `none` before the first start. Makes nothing. Throws
 * {@link MasterKeyError} when it does not.
 */
export async function checkMasterKey({
  store,
  encryption,
}: Pick<KeyDeps, 'store' | 'encryption'>): Promise<'fits' | 'none'> {
  const records = await store.getMany<KeyRecord>(firstPlaces);
  const present = records.flatMap((record) => record?.value ?? []);
  for (const { encrypted, keyId } of present) await decrypt(encrypted, encryption, keyId);
  return present.length === 0 ? 'none' : 'fits';
}
