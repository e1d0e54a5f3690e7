import type { Page } from '../storage/port.ts';

/** A list's answer: `{items, nextCursor?}`. */
export function presentPage<T, W>(
  page: Page<T>,
  present: (value: T) => W,
): { items: W[]; nextCursor?: string } {
  const items = page.items.map(({ value }) => present(value));
  return page.cursor === undefined ? { items } : { items, nextCursor: page.cursor };
}

/** Epoch milliseconds as RFC 3339 in UTC. */
export function instant(epochMs: number): string {
  return new Date(epochMs).toISOString();
}

/** Drops absent fields: what `exactOptionalPropertyTypes` wants of a parsed body. */
export function defined<T extends object>(value: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(value).filter(([, member]) => member !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };
}
