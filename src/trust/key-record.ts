import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
  type KeyObject,
} from 'node:crypto';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { sha256 } from '../kernel/digest.ts';
import type { SigningKey } from './jwt.ts';
import { type Encrypted, KeyDecryptionError, type KeyEncryption } from './key-encryption.ts';

/** Separate keys, so that what signs cards can never be made to sign tokens. */
export const keyPurposes = ['access-token', 'agent-card'] as const;

export type KeyPurpose = (typeof keyPurposes)[number];

/** One generation of a signing key. Written once, never changed: when it ends is said by the next one. */
export interface KeyRecord {
  readonly keyId: string;
  readonly purpose: KeyPurpose;
  readonly publicJwk: JsonWebKey;
  readonly encrypted: Encrypted;
  readonly createdAt: number;
  /** Epoch milliseconds. Published before, signs from then on. */
  readonly activeFrom: number;
  /** A key was compromised: nothing that an earlier generation signed counts from `activeFrom` on. */
  readonly revokesEarlier?: boolean;
}

export interface LoadedKey extends SigningKey {
  readonly publicKey: KeyObject;
  readonly record: KeyRecord;
}

/** The start must stop: going on would mean a new identity that nobody trusts. */
export class MasterKeyError extends Error {
  override readonly name = 'MasterKeyError';
}

export async function makeKey(
  purpose: KeyPurpose,
  encryption: KeyEncryption,
  times: Pick<KeyRecord, 'createdAt' | 'activeFrom' | 'revokesEarlier'>,
): Promise<KeyRecord> {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' });
  // RFC 7638: the key's own thumbprint.
  const keyId = sha256(canonicalJson({ crv, kty, x, y }));
  const der = privateKey.export({ format: 'der', type: 'pkcs8' });
  return {
    keyId,
    purpose,
    publicJwk: { kty, crv, x, y, kid: keyId, alg: 'ES256', use: 'sig' } as JsonWebKey,
    encrypted: await encryption.encrypt(der, keyId),
    ...times,
  };
}

/** Throws {@link MasterKeyError}. */
export async function loadKey(record: KeyRecord, encryption: KeyEncryption): Promise<LoadedKey> {
  const der = await decrypt(record.encrypted, encryption, record.keyId);
  const privateKey = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  return { keyId: record.keyId, privateKey, publicKey: createPublicKey(privateKey), record };
}

/** Throws {@link MasterKeyError}. */
export async function decrypt(
  encrypted: Encrypted,
  encryption: KeyEncryption,
  context: string,
): Promise<Buffer> {
  try {
    return await encryption.decrypt(encrypted, context);
  } catch (error) {
    if (!(error instanceof KeyDecryptionError)) throw error;
    throw new MasterKeyError(
      'The signing keys in the store were encrypted with another master key. Start with the BROKER_MASTER_KEY (or the ' +
        'master.key file) that this store was created with; a new identity would not be trusted by anybody.',
      { cause: error },
    );
  }
}
