import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import type { Clock } from '../kernel/clock.ts';
import { sha256 } from '../kernel/digest.ts';
import { canonicalJson } from '../kernel/canonical-json.ts';
import type { CardSigner } from '../registry/index.ts';
import type { Store } from '../storage/port.ts';
import { decryptKey, encryptKey, type Encrypted, KeyDecryptionError } from './key-encryption.ts';
import type { SigningKey } from './jwt.ts';
import { signEs256 } from './signature.ts';

/** Separate keys, so that what signs cards can never be made to sign tokens. */
const purposes = ['access-token', 'agent-card'] as const;

type Purpose = (typeof purposes)[number];

interface KeyRecord {
  readonly keyId: string;
  readonly purpose: Purpose;
  readonly publicJwk: JsonWebKey;
  readonly encrypted: Encrypted;
  readonly createdAt: number;
}

export interface Keys {
  /** For access tokens. */
  signingKey(): SigningKey;
  /** Ours, by key id, for tokens that come back to us. */
  verificationKey(keyId: string | undefined): KeyObject | undefined;
  cardSigner(): CardSigner;
  /** Public halves of all keys (RFC 7517). */
  jwks(): { readonly keys: readonly JsonWebKey[] };
  /** For the pairwise subject (versioned by its prefix); never leaves the process. */
  pairwiseSecret(): Uint8Array;
}

/** The start must stop: going on would mean a new identity that nobody trusts. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
}

/**
 * Finds the signing keys, or makes them at the very first start; of several processes that start together one wins.
 * Throws {@link MasterKeyError} when the keys there cannot be decrypted.
 */
export async function createKeys(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly masterKey: Uint8Array;
}): Promise<Keys> {
  const loaded = await Promise.all(purposes.map((purpose) => loadOrMake(deps, purpose)));
  const [accessToken, agentCard] = loaded;
  if (accessToken === undefined || agentCard === undefined) throw new Error('a signing key is missing');
  const secret = await loadOrMakeSecret(deps);
  const cardProtected = Buffer.from(
    JSON.stringify({ alg: 'ES256', kid: agentCard.keyId, typ: 'JOSE' }),
  ).toString('base64url');

  return {
    signingKey: () => accessToken,
    verificationKey: (keyId) => (keyId === accessToken.keyId ? accessToken.publicKey : undefined),
    cardSigner: () => ({
      keyId: agentCard.keyId,
      sign: (payload) => {
        const input = `${cardProtected}.${Buffer.from(payload).toString('base64url')}`;
        return Promise.resolve({
          protected: cardProtected,
          signature: signEs256(agentCard.privateKey, input),
        });
      },
    }),
    jwks: () => ({ keys: loaded.map(({ publicJwk }) => publicJwk) }),
    pairwiseSecret: () => secret,
  };
}

/**
 * Whether this master key opens the keys that are there; `none` before the first start. Makes nothing. Throws
 * {@link MasterKeyError} when it does not.
 */
export async function checkMasterKey(deps: Pick<KeyDeps, 'store' | 'masterKey'>): Promise<'fits' | 'none'> {
  const places = purposes.map((sort) => ({ partition: 'signing-keys', sort }));
  const records = await deps.store.getMany<KeyRecord>(places);
  const present = records.flatMap((record) => record?.value ?? []);
  for (const { encrypted, keyId } of present) decrypt(encrypted, deps.masterKey, keyId);
  return present.length === 0 ? 'none' : 'fits';
}

interface LoadedKey extends SigningKey {
  readonly publicKey: KeyObject;
  readonly publicJwk: JsonWebKey;
}

type KeyDeps = Parameters<typeof createKeys>[0];

async function loadOrMake(deps: KeyDeps, purpose: Purpose): Promise<LoadedKey> {
  const place = { partition: 'signing-keys', sort: purpose };
  const existing = await deps.store.get<KeyRecord>(place);
  if (existing !== undefined) return load(existing.value, deps.masterKey);
  const made = make(purpose, deps);
  const commit = await deps.store.commit([{ op: 'putIfAbsent', ...place, value: made }]);
  if (commit.ok) return load(made, deps.masterKey);
  const winner = await deps.store.get<KeyRecord>(place);
  if (winner === undefined) throw new Error(`the ${purpose} key vanished between two reads`);
  return load(winner.value, deps.masterKey);
}

function make(purpose: Purpose, deps: KeyDeps): KeyRecord {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  // RFC 7638: the key's own thumbprint.
  const keyId = sha256(canonicalJson({ crv, kty, x, y }));
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  return {
    keyId,
    purpose,
    publicJwk: { kty, crv, x, y, kid: keyId, alg: 'ES256', use: 'sig' } as JsonWebKey,
    encrypted: encryptKey(der, deps.masterKey, keyId),
    createdAt: deps.clock.now(),
  };
}

function load(record: KeyRecord, masterKey: Uint8Array): LoadedKey {
  const der = decrypt(record.encrypted, masterKey, record.keyId);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return {
    keyId: record.keyId,
    privateKey,
    publicKey: createPublicKey(privateKey),
    publicJwk: record.publicJwk,
  };
}

async function loadOrMakeSecret(deps: KeyDeps): Promise<Uint8Array> {
  const place = { partition: 'signing-keys', sort: 'pairwise-v1' };
  const made = encryptKey(randomBytes(32), deps.masterKey, place.sort);
  await deps.store.commit([{ op: 'putIfAbsent', ...place, value: made }]);
  const record = await deps.store.get<Encrypted>(place);
  if (record === undefined) throw new Error('the pairwise secret vanished between two reads');
  return decrypt(record.value, deps.masterKey, place.sort);
}

function decrypt(encrypted: Encrypted, masterKey: Uint8Array, context: string): Buffer {
  try {
    return decryptKey(encrypted, masterKey, context);
  } catch (error) {
    if (!(error instanceof KeyDecryptionError)) throw error;
    throw new MasterKeyError(
      'The signing keys in the store were encrypted with another master key. Start with the BROKER_MASTER_KEY (or the ' +
        'master.key file) that this store was created with; a new identity would not be trusted by anybody.',
      { cause: error },
    );
  }
}
