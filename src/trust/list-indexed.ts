import { type Key, maxKeysPerRead, type Page, type Store } from '../storage/port.ts';

export interface PageRequest {
  readonly limit: number;
  readonly cursor?: string;
}

/** A page of records that an index names by its sort keys. */
export async function listIndexed<T>(
  store: Store,
  partition: string,
  keyOf: (sort: string) => Key,
  page: PageRequest,
): Promise<Page<T>> {
  const names = await store.list<null>(partition, { ...page, limit: Math.min(page.limit, maxKeysPerRead) });
  const found = await store.getMany<T>(names.items.map(({ sort }) => keyOf(sort)));
  const items = found.filter((record) => record !== undefined);
  return names.cursor === undefined ? { items } : { items, cursor: names.cursor };
}
