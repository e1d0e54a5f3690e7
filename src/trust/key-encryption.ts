import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';

/** AES-256-GCM; every part in base64url. */
export interface Encrypted {
  readonly iv: string;
  readonly tag: string;
  readonly data: string;
  /** Name of the key that encrypted it; absent in what was written before there were names. */
  readonly key?: string;
}

export class KeyDecryptionError extends Error {
  override readonly name = 'KeyDecryptionError';
}

/**
 * What keeps private keys at rest: here the master key, elsewhere perhaps a key management service, which is why both calls are
 * asynchronous. `context` names what is encrypted and is authenticated with it, so that records cannot be swapped in the store.
 */
export interface KeyEncryption {
  /** Name of the key that encrypts from now on. Tells nothing about the key. */
  readonly current: string;
  encrypt(plain: Uint8Array, context: string): Promise<Encrypted>;
  /** Also what a key before encrypted. Throws {@link KeyDecryptionError} for an unknown key, another context, or changed bytes. */
  decrypt(encrypted: Encrypted, context: string): Promise<Buffer>;
}

/** `previous`: a master key that is being replaced; it decrypts, and encrypts nothing any more. */
export function localKeyEncryption(masterKey: Uint8Array, previous?: Uint8Array): KeyEncryption {
  const current = keyOf(masterKey);
  const known = previous === undefined ? [current] : [current, keyOf(previous)];
  return {
    current: current.name,
    encrypt: (plain, context) =>
      Promise.resolve({ ...seal(plain, current.secret, context), key: current.name }),
    decrypt: (encrypted, context) =>
      new Promise((resolve) => {
        const fitting = known.filter(({ name }) => encrypted.key === undefined || encrypted.key === name);
        resolve(openWithAny(encrypted, fitting, context));
      }),
  };
}

interface NamedKey {
  readonly name: string;
  readonly secret: Uint8Array;
}

/** RFC 5869: the master key is never used directly, so that other uses can be derived from it. */
function keyOf(masterKey: Uint8Array): NamedKey {
  const derive = (use: string, bytes: number) =>
    new Uint8Array(hkdfSync('sha256', masterKey, '', use, bytes));
  return {
    name: Buffer.from(derive('broker master key name v1', 9)).toString('base64url'),
    secret: derive('broker signing keys v1', 32),
  };
}

function openWithAny(encrypted: Encrypted, keys: readonly NamedKey[], context: string): Buffer {
  let cause: unknown;
  for (const { secret } of keys)
    try {
      return unseal(encrypted, secret, context);
    } catch (error) {
      cause = error;
    }
  throw new KeyDecryptionError('decryption failed', { cause });
}

function seal(plain: Uint8Array, secret: Uint8Array, context: string): Encrypted {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', secret, iv);
  cipher.setAAD(Buffer.from(context, 'utf8'));
  const data = Buffer.concat([cipher.update(plain), cipher.final()]);
  return {
    iv: iv.toString('base64url'),
    tag: cipher.getAuthTag().toString('base64url'),
    data: data.toString('base64url'),
  };
}

function unseal(encrypted: Encrypted, secret: Uint8Array, context: string): Buffer {
  const decipher = createDecipheriv('aes-256-gcm', secret, Buffer.from(encrypted.iv, 'base64url'), {
    authTagLength: 16,
  });
  decipher.setAAD(Buffer.from(context, 'utf8'));
  decipher.setAuthTag(Buffer.from(encrypted.tag, 'base64url'));
  return Buffer.concat([decipher.update(Buffer.from(encrypted.data, 'base64url')), decipher.final()]);
}
