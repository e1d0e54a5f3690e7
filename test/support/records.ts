import type { PlainRecord } from '../../src/storage/backup-format.ts';
import type { Store } from '../../src/storage/port.ts';
import { everythingIn } from '../../src/storage/transfer/everything.ts';

/** All that is in a store, without versions, in one order for all engines. */
export async function contentOf(store: Store): Promise<readonly PlainRecord[]> {
  const records: PlainRecord[] = [];
  for await (const { version: _, ...record } of everythingIn(store, () => undefined)) records.push(record);
  const nameOf = ({ partition, sort }: PlainRecord) => JSON.stringify([partition, sort]);
  return records.toSorted((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1));
}

/** Such as a broker has: many small ones, a large one, strange keys, some that expire. `now` in epoch seconds. */
export function sampleRecords(now: number, count = 400): readonly PlainRecord[] {
  return [
    ...Array.from({ length: count }, (_, n) => ({
      partition: `p#${n % 17}`,
      sort: `s${n} é😀\n"\u0001`,
      value: { n, text: `ü${n}`, list: [null, true, 1.5e-7, { '1': 'a' }], nothing: null },
      ...(n % 5 === 0 ? { expiresAt: now + 7200 + n } : {}),
    })),
    { partition: 'large', sort: 'one', value: 'x'.repeat(340_000) },
    { partition: 'soon', sort: 'gone', value: 'short-lived', expiresAt: now + 30 },
  ];
}

export async function fill(store: Store, records: readonly PlainRecord[]): Promise<void> {
  for (let start = 0; start < records.length; start += 100)
    await store.commit(
      records.slice(start, start + 100).map((record) => ({ op: 'put' as const, ...record })),
    );
}
