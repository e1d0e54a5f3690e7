import { ConfigError } from '../../config/index.ts';
import type { Key, Store, StoredRecord } from '../port.ts';

/** Where a store tells that it is being filled. Not copied, and gone when the copy is whole. */
export const unfinishedKey: Key = { partition: 'unfinished-copy', sort: 'state' };

export interface UnfinishedCopy {
  readonly kind: 'restore' | 'migration';
  /** Of what it is a copy: the digest by which its source is known again. */
  readonly source: string;
  /** Records read so far. */
  readonly read: number;
  /** Where to go on reading, in the source's own terms; nothing: at its beginning. */
  readonly position?: string;
}

export function findUnfinished(store: Store): Promise<StoredRecord<UnfinishedCopy> | undefined> {
  return store.get<UnfinishedCopy>(unfinishedKey);
}

export function isUnfinishedMark({ partition }: Key): boolean {
  return partition === unfinishedKey.partition;
}

/** What a broker must not run on. Throws `ConfigError`. */
export async function refuseUnfinished(store: Store): Promise<void> {
  const found = await findUnfinished(store);
  if (found !== undefined) throw new ConfigError(unfinishedMessage(found.value));
}

export function unfinishedMessage({ kind }: UnfinishedCopy): string {
  const command = kind === 'restore' ? 'restore' : 'migrate';
  return `The store is an unfinished ${kind}: run a2a-broker ${command} again, until it says that it is done.`;
}
