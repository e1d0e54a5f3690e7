import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** AES-256-GCM; every part in base64url. */
export interface Encrypted {
  readonly iv: string;
  readonly tag: string;
  readonly data: string;
}

export class KeyDecryptionError extends Error {
  override readonly name = 'KeyDecryptionError';
}

/** `context` names what is encrypted and is authenticated with it, so that records cannot be swapped in the store. */
export function encryptKey(plain: Uint8Array, masterKey: Uint8Array, context: string): Encrypted {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', derive(masterKey), iv);
  cipher.setAAD(Buffer.from(context, 'utf8'));
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  return {
    iv: iv.toString('base64url'),
    tag: cipher.getAuthTag().toString('base64url'),
    data: data.toString('base64url'),
  };
}

/** Throws {@link KeyDecryptionError} for a wrong key, another context, or changed bytes: they look the same. */
export function decryptKey(encrypted: Encrypted, masterKey: Uint8Array, context: string): Buffer {
  try {
    const decipher = createDecipheriv(
      'aes-256-gcm',
      derive(masterKey),
      Buffer.from(encrypted.iv, 'base64url'),
      {
        authTagLength: 16,
      },
    );
    decipher.setAAD(Buffer.from(context, 'utf8'));
    decipher.setAuthTag(Buffer.from(encrypted.tag, 'base64url'));
    return Buffer.concat([decipher.update(Buffer.from(encrypted.data, 'base64url')), decipher.final()]);
  } catch (error) {
    throw new KeyDecryptionError('decryption failed', { cause: error });
  }
}

/** RFC 5869: the master key is never used directly, so that other uses can be derived from it later. */
function derive(masterKey: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', masterKey, '', 'broker signing keys v1', 32));
}
