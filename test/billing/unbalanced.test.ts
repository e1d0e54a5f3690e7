import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { SettlementDraft } from '../../src/billing/settlement.ts';
import { auditEntries } from '../support/audit-entries.ts';
import { engines } from '../support/stores.ts';
import { booksOf, close, linesOf, perUnit, report, sell } from './books.ts';
import { watchCommits } from './watched-store.ts';
import { newWorld, operator, type World } from './world.ts';

describe.each(engines)('books that do not balance, on $name', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld(engine);
    await sell(world, 'basic', [perUnit('tokens', '1')]);
    await world.billing.setContract(
      'skyways',
      { commissionBps: 1000, currency: 'USD', from: '2026-01' },
      operator,
    );
    await report(world, { id: 'a', quantities: { tokens: '3' } });
  });
  afterEach(() => world.dispose());

  /** Goes on until a record of this partition would be written. */
  async function closeUntil(partition: string): Promise<void> {
    const dying = watchCommits(world.store, (writes, pass) => {
      if (!writes.some((write) => write.partition.startsWith(partition))) return pass();
      throw new Error('the power went out');
    });
    await expect(close(world, '2026-01', world.reopen(dying))).rejects.toThrow('the power went out');
  }

  /** As a defect of ours or of a disk would change what was kept. */
  async function miscount(change: Partial<SettlementDraft['header']>): Promise<void> {
    const drafts = await world.store.list<SettlementDraft>('settlement-draft#2026-01');
    expect(drafts.items).toHaveLength(1);
    for (const { partition, sort, value } of drafts.items)
      await world.store.commit([
        { op: 'put', partition, sort, value: { ...value, header: { ...value.header, ...change } } },
      ]);
  }

  it('make nothing final, and say so in the audit', async () => {
    await closeUntil('sequences');
    await miscount({ gross: '301' });
    await expect(close(world, '2026-01')).rejects.toMatchObject({
      code: 'tie_out_failed',
      detail: { tieOut: [{ currency: 'USD', invoiced: '300', gross: '301', ok: false }] },
    });
    expect(await booksOf(world, '2026-01')).toEqual({ invoices: [], settlements: [], journal: [] });
    expect((await world.billing.periodState('2026-01')).state).toBe('closing');
    expect((await auditEntries(world.store)).at(-1)).toMatchObject({
      action: 'period.close',
      outcome: 'refused',
      reason: 'tie_out_failed',
    });
  });

  it('are rated anew at the next attempt, and no number is lost', async () => {
    await closeUntil('sequences');
    await miscount({ commission: '31' });
    await expect(close(world, '2026-01')).rejects.toMatchObject({ code: 'tie_out_failed' });
    const { outcome } = await close(world, '2026-01');
    expect(outcome?.tieOut).toMatchObject([{ invoiced: '300', gross: '300', commission: '30', ok: true }]);
    expect(await linesOf(world, '2026-01')).toEqual(['2026-01 tokens 3 300']);
    expect((await booksOf(world, '2026-01')).invoices.map(({ number }) => number)).toEqual(['INV-000001']);
  });

  it('stop a close that had passed before, and leave what is final as it is', async () => {
    await closeUntil('billed#');
    const before = await booksOf(world, '2026-01');
    expect(before.invoices).toHaveLength(1);
    await miscount({ net: '1' });
    await expect(close(world, '2026-01')).rejects.toMatchObject({ code: 'tie_out_failed' });
    expect(await booksOf(world, '2026-01')).toEqual(before);
    // The drafts that the invoices were made from are evidence now.
    expect((await world.store.list('billing-draft#2026-01')).items).toHaveLength(1);
  });
});
