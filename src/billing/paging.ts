import { setImmediate } from 'node:timers/promises';
import {
  type Key,
  maxKeysPerRead,
  maxPageSize,
  type Page,
  type Store,
  type StoredRecord,
} from '../storage/port.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

/** A page of what are no records of their own. */
export interface Listed<T> {
  readonly items: readonly T[];
  readonly cursor?: string;
}

const recordsPerTurn = 100;

/** Every record of a partition whose sort starts with the prefix, in order, page by page. */
export async function* everything<T>(
  store: Store,
  partition: string,
  sortPrefix?: string,
): AsyncGenerator<StoredRecord<T>> {
  let cursor: string | undefined;
  do {
    const page: Page<T> = await store.list<T>(partition, {
      limit: maxPageSize,
      ...(sortPrefix === undefined ? {} : { sortPrefix }),
      ...(cursor === undefined ? {} : { cursor }),
    });
    yield* page.items;
    cursor = page.cursor;
    // An embedded engine answers at once: without a pause a month's worth of pages would hold up every call that is running.
    if (page.items.length >= recordsPerTurn) await setImmediate();
  } while (cursor !== undefined);
}

/** A page of what an index names: the index holds ids, in the order of the list. */
export async function listIndexed<T>(
  store: Store,
  index: string,
  keyOf: (id: string) => Key,
  page: PageRequest,
  sortPrefix?: string,
): Promise<Page<T>> {
  const ids = await store.list<string>(index, {
    ...page,
    limit: Math.min(page.limit, maxKeysPerRead),
    ...(sortPrefix === undefined ? {} : { sortPrefix }),
  });
  const found = await store.getMany<T>(ids.items.map(({ value }) => keyOf(value)));
  const items = found.filter((record) => record !== undefined);
  return ids.cursor === undefined ? { items } : { items, cursor: ids.cursor };
}
