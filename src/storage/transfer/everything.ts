import type { Page, Store, StoredRecord } from '../port.ts';

/** Every page of a store's records. Small ones: a record may be as large as {@link maxValueBytes}. */
export async function* pagesOf(store: Store, from?: string): AsyncGenerator<Page<unknown>> {
  let cursor = from;
  do {
    const page: Page<unknown> = await store.scan<unknown>(cursor === undefined ? {} : { cursor });
    yield page;
    cursor = page.cursor;
  } while (cursor !== undefined);
}

/** Every record of a store, one after the other. */
export async function* everythingIn(
  store: Store,
  progress: (count: number) => void,
): AsyncGenerator<StoredRecord<unknown>> {
  let count = 0;
  for await (const { items } of pagesOf(store)) {
    yield* items;
    progress((count += items.length));
  }
}
