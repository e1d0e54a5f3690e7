import type { JsonWebKey, KeyObject } from 'node:crypto';
import type { CardSigner } from '../registry/index.ts';
import type { Write } from '../storage/port.ts';
import {
  type KeyPurpose,
  keyPurposes,
  type KeyRecord,
  type LoadedKey,
  loadKey,
  makeKey,
} from './key-record.ts';
import { createKeyRepository, type KeyDeps, type PairwiseSecret } from './key-repository.ts';
import { type KeyStanding, publishedBeforeUseMs, standingOf } from './key-ring.ts';
import type { SigningKey } from './jwt.ts';
import { signEs256 } from './signature.ts';

export { MasterKeyError } from './key-record.ts';
export { localKeyEncryption } from './key-encryption.ts';
export { checkMasterKey, requireNoKeys } from './key-repository.ts';

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
  /** All versions that are in force, oldest first. */
  pairwiseSecrets(): readonly PairwiseSecret[];
  /** All versions, also one that waits for its turn. */
  listPairwiseSecrets(): readonly Pick<PairwiseSecret, 'version' | 'activeFrom'>[];
  /** The next version, in force when every process has seen it; and the write that adds it unless somebody else has. */
  nextPairwiseSecret(): Promise<{
    readonly version: number;
    readonly activeFrom: number;
    readonly write: Write;
  }>;
  /** Every generation, retired ones too, oldest first. */
  list(): readonly (Pick<KeyRecord, 'keyId' | 'purpose' | 'createdAt' | 'activeFrom'> & KeyStanding)[];
  /** Looks for keys that another process has made. */
  refresh(): Promise<void>;
  /** The next generation, and the write that adds it unless somebody else has added one; {@link Keys.refresh} finds it. */
  next(
    purpose: KeyPurpose,
    compromised: boolean,
  ): Promise<{ readonly record: KeyRecord; readonly write: Write }>;
  /** Writes that encrypt with the current key what another one encrypted. Each fails when its record has changed meanwhile. */
  reencrypt(): Promise<readonly Write[]>;
}

/**
 * Finds the signing keys, or makes them at the very first start; of several processes that start together one wins.
 * Throws {@link MasterKeyError} when the keys there cannot be decrypted, or some are gone.
 */
export async function createKeys(deps: KeyDeps): Promise<Keys> {
  const repository = createKeyRepository(deps);
  await repository.requireComplete();
  const generations: Record<KeyPurpose, readonly LoadedKey[]> = { 'access-token': [], 'agent-card': [] };
  // One after the other: under a wrong master key the first one there ends the start, before anything new is made beside it.
  for (const purpose of keyPurposes) generations[purpose] = [await repository.loadOrMakeFirst(purpose)];
  const secret = await repository.loadOrMakeSecret();
  let secrets: readonly PairwiseSecret[] = [{ version: 1, secret, activeFrom: 0 }];
  await repository.markComplete();

  async function refresh(): Promise<void> {
    secrets = await repository.secrets(secrets);
    for (const purpose of keyPurposes) {
      const items = await repository.generations(purpose);
      const known = generations[purpose];
      if (items.length === known.length) continue;
      generations[purpose] = await Promise.all(
        items.map(async ({ value }) => {
          const loaded = known.find(({ keyId }) => keyId === value.keyId);
          return loaded ?? loadKey(value, deps.encryption);
        }),
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
    pairwiseSecrets: () => secrets.filter(({ activeFrom }) => activeFrom <= deps.clock.now()),
    listPairwiseSecrets: () => secrets.map(({ version, activeFrom }) => ({ version, activeFrom })),
    async nextPairwiseSecret() {
      const version = (secrets.at(-1)?.version ?? 0) + 1;
      const activeFrom = deps.clock.now() + publishedBeforeUseMs;
      return { version, activeFrom, write: await repository.makeSecret(version, activeFrom) };
    },
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
    async next(purpose, compromised) {
      const createdAt = deps.clock.now();
      const generation = generations[purpose].length + 1;
      const record = await makeKey(purpose, deps.encryption, {
        createdAt,
        activeFrom: compromised ? createdAt : createdAt + publishedBeforeUseMs,
        ...(compromised ? { revokesEarlier: true } : {}),
      });
      return { record, write: repository.insert(record, generation) };
    },
    reencrypt: () => repository.reencrypt(),
  };
}
