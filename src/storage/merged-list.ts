import { encodeCursor, pageSize } from './limits.ts';
import type { ListOptions, Page, Store, StoredRecord } from './port.ts';

type ListOne = <T>(partition: string, options: ListOptions) => Promise<Page<T>>;

/** `list` of an engine, made of what it can do itself: one partition. */
export function listWith(listOne: ListOne): Store['list'] {
  return async <T>(partition: string | readonly string[], options: ListOptions = {}) =>
    typeof partition === 'string' ? listOne<T>(partition, options) : merge<T>(listOne, partition, options);
}

/**
 * A cursor is the last sort key seen, so one is good for every partition: each goes on after it. Little more is read of each
 * than its share of the page.
 */
async function merge<T>(
  listOne: ListOne,
  partitions: readonly string[],
  options: ListOptions,
): Promise<Page<T>> {
  const limit = pageSize(options);
  const share = Math.min(limit, Math.ceil(limit / Math.max(partitions.length, 1)) + 4);
  const sources = partitions.map((partition) => new Source<T>(listOne, partition, options, share));
  const direction = options.reverse === true ? -1 : 1;
  const items: StoredRecord<T>[] = [];
  for (;;) {
    await Promise.all(sources.map((source) => source.fill()));
    const first = sources
      .filter((source) => source.head !== undefined)
      .toSorted((a, b) => compareBytes(a.head?.sort ?? '', b.head?.sort ?? '') * direction)[0];
    const last = items[limit - 1];
    const record = first?.head;
    if (first === undefined || record === undefined) return { items };
    if (last !== undefined) return { items, cursor: encodeCursor(last.sort) };
    items.push(record);
    first.take();
  }
}

/** What is still to come of one partition. */
class Source<T> {
  readonly #next: (cursor: string | undefined) => Promise<Page<T>>;
  #waiting: readonly StoredRecord<T>[] = [];
  #taken = 0;
  #cursor: string | undefined;
  #isAtEnd = false;

  constructor(listOne: ListOne, partition: string, options: ListOptions, limit: number) {
    const { cursor, ...rest } = options;
    this.#cursor = cursor;
    this.#next = (from) =>
      listOne<T>(partition, { ...rest, limit, ...(from === undefined ? {} : { cursor: from }) });
  }

  get head(): StoredRecord<T> | undefined {
    return this.#waiting[this.#taken];
  }

  take(): void {
    this.#taken++;
  }

  /** Has a head afterwards, or is at its end. */
  async fill(): Promise<void> {
    while (this.head === undefined && !this.#isAtEnd) {
      const page = await this.#next(this.#cursor);
      this.#waiting = page.items;
      this.#taken = 0;
      this.#cursor = page.cursor;
      this.#isAtEnd = page.cursor === undefined;
    }
  }
}

/** JavaScript compares UTF-16 units; the port orders by UTF-8 bytes. */
export function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a, 'utf8'), Buffer.from(b, 'utf8'));
}
