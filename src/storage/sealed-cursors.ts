import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from 'node:crypto';
import { lengthPrefixed } from '../kernel/digest.ts';
import { type ListOptions, type Page, StorageError, type Store } from './port.ts';

const ivBytes = 12;
const tagBytes = 16;

/**
 * The same store, with cursors that outsiders can neither read nor make: a cursor is the key of a record, which the caller may
 * not be allowed to see. Each is good for the list that gave it (partition, prefix, direction) and for no other. Every process
 * with the same master key opens them.
 */
export function sealCursors(store: Store, masterKey: Uint8Array): Store {
  const key = new Uint8Array(hkdfSync('sha256', masterKey, '', 'broker page cursors v1', 32));
  return {
    ...store,
    async list<T>(partition: string | readonly string[], options: ListOptions = {}): Promise<Page<T>> {
      const { cursor: sealed, ...rest } = options;
      const list = listName(partition, options);
      const page = await store.list<T>(
        partition,
        sealed === undefined ? rest : { ...rest, cursor: open(sealed, list, key) },
      );
      return page.cursor === undefined ? page : { ...page, cursor: seal(page.cursor, list, key) };
    },
  };
}

function listName(partition: string | readonly string[], { sortPrefix = '', reverse }: ListOptions): Buffer {
  return Buffer.from(
    lengthPrefixed(...[partition].flat(), sortPrefix, reverse === true ? 'reverse' : 'forward'),
    'utf8',
  );
}

function seal(cursor: string, list: Buffer, key: Uint8Array): string {
  const iv = randomBytes(ivBytes);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(list);
  const data = Buffer.concat([cipher.update(cursor, 'utf8'), cipher.final()]);
  return Buffer.concat([iv, cipher.getAuthTag(), data]).toString('base64url');
}

function open(sealed: string, list: Buffer, key: Uint8Array): string {
  const bytes = Buffer.from(sealed, 'base64url');
  try {
    const decipher = createDecipheriv('aes-256-gcm', key, bytes.subarray(0, ivBytes), {
      authTagLength: tagBytes,
    });
    decipher.setAAD(list).setAuthTag(bytes.subarray(ivBytes, ivBytes + tagBytes));
    const data = decipher.update(bytes.subarray(ivBytes + tagBytes));
    return Buffer.concat([data, decipher.final()]).toString('utf8');
  } catch (error) {
    throw new StorageError('bad_cursor', 'the cursor is not one that this list gave', error);
  }
}
