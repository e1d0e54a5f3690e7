import type { Store, Write } from '../storage/port.ts';

/** Far below the store's limit for a value, whatever a line holds. */
const linesPerPage = 250;

/** The writes of a document's lines. Repeating them changes nothing. */
export function pagesOf(partition: string, lines: readonly unknown[]): readonly Write[] {
  const pages: Write[] = [];
  for (let start = 0; start < lines.length; start += linesPerPage)
    pages.push({
      op: 'put',
      partition,
      sort: String(start / linesPerPage).padStart(8, '0'),
      value: lines.slice(start, start + linesPerPage),
    });
  return pages;
}

export async function readPages<T>(store: Store, partition: string): Promise<readonly T[]> {
  const lines: T[] = [];
  let cursor: string | undefined;
  do {
    const page = await store.list<readonly T[]>(partition, {
      limit: 100,
      ...(cursor === undefined ? {} : { cursor }),
    });
    for (const { value } of page.items) lines.push(...value);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return lines;
}
