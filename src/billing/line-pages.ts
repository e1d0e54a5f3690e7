import { maxValueBytes, maxWritesPerCommit, type Store, type Write } from '../storage/port.ts';

/** Below the store's limit for a value with room to spare: lines carry conditions as long as plans allow. */
const bytesPerPage = maxValueBytes / 2;
const linesPerPage = 250;
const bytesPerCommit = 1_000_000;

/** The writes of a document's lines. Repeating them changes nothing. */
export function pagesOf(partition: string, lines: readonly unknown[]): readonly Write[] {
  const pages: unknown[][] = [];
  let bytes = 0;
  for (const line of lines) {
    const size = Buffer.byteLength(JSON.stringify(line)) + 1;
    let page = pages.at(-1);
    if (page === undefined || page.length >= linesPerPage || bytes + size > bytesPerPage) {
      pages.push((page = []));
      bytes = 0;
    }
    page.push(line);
    bytes += size;
  }
  return pages.map((value, index) => ({
    op: 'put',
    partition,
    sort: String(index).padStart(8, '0'),
    value,
  }));
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

/** In several commits of bounded size, each safe to repeat: every write says the same each time. */
export async function commitAll(store: Store, writes: readonly Write[]): Promise<void> {
  let commit: Write[] = [];
  let bytes = 0;
  for (const write of writes) {
    const size = 'value' in write ? Buffer.byteLength(JSON.stringify(write.value)) : 0;
    if (commit.length === maxWritesPerCommit || (commit.length > 0 && bytes + size > bytesPerCommit)) {
      await store.commit(commit);
      commit = [];
      bytes = 0;
    }
    commit.push(write);
    bytes += size;
  }
  if (commit.length > 0) await store.commit(commit);
}
