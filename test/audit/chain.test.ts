import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  chainEntries,
  createAudit,
  createChainVerifier,
  type AuditRecord,
  type Place,
} from '../../src/audit/index.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import type { Store } from '../../src/storage/port.ts';
import { testClock } from '../support/clock.ts';

const clock = testClock();

/** What becomes of one commit: written, refused by a condition, lost on the way, or written though the answer was lost. */
type Fate = 'written' | 'refused' | 'lost' | 'unheard';

/** A store that is slow and unreliable in a way that the test chooses. */
function unreliable(store: Store, fates: Fate[]): Store {
  return {
    ...store,
    async commit(writes) {
      const fate = fates.shift() ?? 'written';
      await new Promise((resolve) => setImmediate(resolve));
      if (fate === 'refused') return { ok: false, failed: [0] };
      if (fate === 'lost') throw new Error('lost');
      const commit = await store.commit(writes);
      if (fate === 'unheard') throw new Error('unheard');
      return commit;
    },
  };
}

function open(store: Store, fates: Fate[] = []) {
  return createAudit({ store: chainEntries(unreliable(store, fates), systemIds), clock, ids: systemIds });
}

async function entriesOf(store: Store): Promise<AuditRecord[]> {
  const { items } = await createAudit({ store, clock, ids: systemIds }).export({ limit: 1000 });
  return items.map(({ value }) => value);
}

function verify(entries: readonly AuditRecord[], heads?: readonly Place[]) {
  const verifier = createChainVerifier(heads);
  for (const entry of entries) verifier.add(entry);
  return verifier.end();
}

const problemsOf = (entries: readonly AuditRecord[], heads?: readonly Place[]) =>
  verify(entries, heads).problems.map(({ kind, seq }) => `${kind} ${seq}`);

async function written(count: number, store = openMemoryStore({ clock })): Promise<AuditRecord[]> {
  const audit = open(store);
  for (let n = 1; n <= count; n++)
    await audit.record({ action: 'test.run', outcome: 'allowed', detail: { n } });
  return entriesOf(store);
}

describe('the chain of audit entries', () => {
  it('holds whatever becomes of commits that run side by side', async () => {
    const fate = fc.constantFrom<Fate[]>('written', 'written', 'refused', 'lost', 'unheard');
    await fc.assert(
      fc.asyncProperty(fc.array(fc.array(fate, { maxLength: 6 }), { maxLength: 30 }), async (rounds) => {
        const store = openMemoryStore({ clock });
        const audit = open(store, rounds.flat());
        for (const [n, round] of rounds.entries())
          await Promise.allSettled(
            round.map((_, m) => audit.record({ action: 'test.run', outcome: 'allowed', detail: { n, m } })),
          );
        const entries = await entriesOf(store);
        const report = verify(entries);
        expect(report.problems).toEqual([]);
        expect(report.entries).toBe(rounds.flat().filter((f) => f === 'written' || f === 'unheard').length);
        expect(report.unchained).toBe(0);
      }),
      { numRuns: 60 },
    );
  });

  it('finds any one entry that was removed, but the last', async () => {
    const entries = await written(12);
    for (let gone = 1; gone < 12; gone++)
      expect(problemsOf(entries.filter(({ chain }) => chain?.seq !== gone))).toEqual([`missing ${gone}`]);
  });

  it('finds a removal also where commits were skipped', async () => {
    const store = openMemoryStore({ clock });
    const audit = open(store, ['written', 'lost', 'written', 'refused', 'written', 'written']);
    for (let n = 0; n < 6; n++)
      await audit.record({ action: 'test.run', outcome: 'allowed' }).catch(() => undefined);
    const entries = await entriesOf(store);
    expect(verify(entries)).toMatchObject({ problems: [], unused: 2, entries: 4 });
    expect(problemsOf(entries.filter(({ chain }) => chain?.seq !== 3))).toContain('missing 3');
    expect(problemsOf(entries.filter(({ chain }) => chain?.seq !== 5))).toContain('missing 5');
  });

  it.each<[string, (entry: AuditRecord) => AuditRecord]>([
    ['its outcome', (entry) => ({ ...entry, outcome: 'refused' })],
    ['its time', (entry) => ({ ...entry, at: entry.at + 1 })],
    ['its detail', (entry) => ({ ...entry, detail: { n: 99 } })],
    ['a member more', (entry) => ({ ...entry, tenant: 'acme' })],
  ])('finds an entry in which was changed: %s', async (_, change) => {
    const entries = await written(5);
    expect(problemsOf(entries.map((entry) => (entry.chain?.seq === 3 ? change(entry) : entry)))).toEqual([
      'altered 3',
    ]);
  });

  it('finds an entry that was put in, and two that changed places', async () => {
    const entries = await written(5);
    const third = entries[2];
    if (third?.chain === undefined) throw new Error('no third entry');
    expect(problemsOf([...entries, { ...third, id: 'aud_zz', action: 'never.was' }])).toEqual(['altered 3']);
    const swapped = entries.map((entry) => {
      const seq = entry.chain?.seq ?? 0;
      const other = entries.find(({ chain }) => chain?.seq === (seq === 2 ? 3 : seq === 3 ? 2 : seq));
      return entry.chain === undefined || other === undefined ? entry : { ...other, chain: entry.chain };
    });
    expect(problemsOf(swapped)).not.toEqual([]);
  });

  it('ties a log to those before it, so that none vanishes, nor its end', async () => {
    const store = openMemoryStore({ clock });
    await written(4, store);
    const entries = await written(3, store);
    const [first] = entries;
    expect(verify(entries)).toMatchObject({ problems: [], logs: 2, entries: 7 });
    const log = first?.chain?.log;
    expect(problemsOf(entries.filter(({ chain }) => chain?.log !== log))).toEqual(['lost_log 4']);
    expect(problemsOf(entries.filter(({ chain }) => chain?.log !== log || (chain?.seq ?? 0) < 4))).toEqual([
      'missing 4',
    ]);
  });

  it('shows by a head that was noted down that the end is still there', async () => {
    const entries = await written(5);
    const { heads } = verify(entries);
    expect(heads).toMatchObject([{ seq: 5 }]);
    expect(problemsOf(entries, heads)).toEqual([]);
    expect(problemsOf(entries.slice(0, 4), heads)).toEqual(['missing 5']);
    const last = entries.map((entry) =>
      entry.chain?.seq === 5 ? { ...entry, action: 'other.thing' } : entry,
    );
    expect(problemsOf(last)).toEqual([]);
    expect(problemsOf(last, heads)).toEqual(['altered 5']);
  });

  it('excuses what was under way when the process was killed, and nothing before', async () => {
    const store = openMemoryStore({ clock });
    const release: (() => void)[] = [];
    const held: Store = {
      ...store,
      commit: async (writes) => {
        const sort = writes[0]?.sort;
        if (sort !== undefined && release.length < 1)
          await new Promise<void>((resolve) => release.push(resolve));
        return store.commit(writes);
      },
    };
    const audit = createAudit({ store: chainEntries(held, systemIds), clock, ids: systemIds });
    const first = audit.record({ action: 'test.run', outcome: 'allowed' });
    await new Promise((resolve) => setImmediate(resolve));
    await audit.record({ action: 'test.run', outcome: 'allowed' });
    await audit.record({ action: 'test.run', outcome: 'allowed' });
    // The first was never written.
    expect(problemsOf(await entriesOf(store))).toEqual([]);
    release[0]?.();
    await first;
    await audit.record({ action: 'test.run', outcome: 'allowed' });
    const entries = await entriesOf(store);
    expect(problemsOf(entries)).toEqual([]);
    expect(problemsOf(entries.filter(({ chain }) => chain?.seq !== 1))).toEqual(['missing 1']);
  });

  it('begins another log when too much failed for an entry to tell of', async () => {
    const store = openMemoryStore({ clock });
    const audit = open(store, ['written', ...Array<Fate>(60).fill('lost')]);
    for (let n = 0; n < 63; n++)
      await audit.record({ action: 'test.run', outcome: 'allowed' }).catch(() => undefined);
    const entries = await entriesOf(store);
    expect(verify(entries)).toMatchObject({ problems: [], logs: 2, entries: 3 });
    expect(Math.max(...entries.map(({ chain }) => chain?.skipped?.length ?? 0))).toBeLessThan(60);
  });

  it('counts entries that are older than the chain, and stays small over many', async () => {
    const entries = await written(900);
    expect(verify(entries)).toMatchObject({ problems: [], entries: 900 });
    expect(verify([{ id: 'aud_1', at: 1, action: 'x.y', outcome: 'allowed' }, ...entries])).toMatchObject({
      problems: [],
      unchained: 1,
    });
  });
});
