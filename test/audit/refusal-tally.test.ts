import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Audit, createAudit } from '../../src/audit/index.ts';
import { createRefusalTally, singlyInWindow, windowMs } from '../../src/audit/refusal-tally.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { Store, Write } from '../../src/storage/port.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';

const refusal = { action: 'token.issue', outcome: 'refused', reason: 'client_unknown' } as const;
const minutes = (count: number) => count * windowMs;

describe.each(engines.filter(({ name }) => name !== 'dynamodb'))(
  'refusals of strangers, on $name',
  (engine) => {
    let clock: TestClock;
    let store: Store;
    let dispose: () => Promise<void>;
    let commits: (readonly Write[])[];
    let audit: Audit;

    beforeEach(async () => {
      clock = testClock();
      const opened = await engine.open(clock);
      ({ dispose } = opened);
      commits = [];
      store = {
        ...opened.store,
        commit: (writes) => {
          commits.push(writes);
          return opened.store.commit(writes);
        },
      };
      audit = createAudit({ store, clock, ids: systemIds });
    });
    afterEach(() => dispose());

    /** Another process on the same store. */
    const process = () =>
      createRefusalTally({ store, clock, ids: systemIds, writes: (entry) => audit.writes(entry) });
    const many = (count: number, tally = process()) =>
      Promise.all(Array.from({ length: count }, () => tally.record(refusal)));
    const listed = async () => (await audit.list({ limit: 1000 })).items.map(({ value }) => value);
    const counted = async () =>
      (await listed()).reduce((sum, { detail }) => sum + Number(detail?.['count'] ?? 1), 0);
    const tallies = async () => (await store.list('audit-tally')).items;

    it('have an entry each while they are few', async () => {
      await many(singlyInWindow);
      expect(await listed()).toHaveLength(singlyInWindow);
      expect(await tallies()).toEqual([]);
    });

    it('are counted before each answer when they are many, and become one entry', async () => {
      const tally = process();
      await many(singlyInWindow, tally);
      for (let n = 1; n <= 3; n++) {
        await tally.record(refusal);
        expect((await tallies()).map(({ value }) => value)).toMatchObject([{ count: n }]);
      }
      clock.advance(minutes(1));
      await tally.tidy();
      expect(await tallies()).toEqual([]);
      const [sum, ...singles] = await listed();
      expect(singles).toHaveLength(singlyInWindow);
      expect(sum).toMatchObject({ ...refusal, detail: { count: 3 } });
    });

    it('share writes when they come at one moment', async () => {
      const tally = process();
      await many(singlyInWindow, tally);
      commits.length = 0;
      await many(500, tally);
      expect(commits.length).toBeLessThan(20);
      await tally.close();
      expect(await counted()).toBe(singlyInWindow + 500);
      expect(await listed()).toHaveLength(singlyInWindow + 1);
    });

    it('are counted apart by kind, and anew in each minute', async () => {
      const tally = process();
      for (let minute = 0; minute < 3; minute++) {
        await many(singlyInWindow + 4, tally);
        await Promise.all(
          Array.from({ length: singlyInWindow + 2 }, () =>
            tally.record({ ...refusal, reason: 'body_too_large' }),
          ),
        );
        clock.advance(minutes(1));
      }
      await tally.close();
      const sums = (await listed()).flatMap(({ reason, detail }) =>
        detail?.['count'] === undefined ? [] : [`${reason} ${Number(detail['count'])}`],
      );
      expect(sums.toSorted()).toEqual([
        ...Array<string>(3).fill('body_too_large 2'),
        ...Array<string>(3).fill('client_unknown 4'),
      ]);
    });

    it('are all there after a kill, once, whoever looks first', async () => {
      await many(singlyInWindow + 7);
      // Killed here: nothing was closed.
      clock.advance(minutes(2));
      await process().tidy();
      expect(await counted()).toBe(singlyInWindow);
      clock.advance(minutes(4));
      await Promise.all([process().tidy(), process().tidy(), process().tidy()]);
      expect(await counted()).toBe(singlyInWindow + 7);
      expect(await tallies()).toEqual([]);
    });

    it('are not taken from a process that still counts', async () => {
      const tally = process();
      await many(singlyInWindow + 1, tally);
      await process().tidy();
      expect(await tallies()).toHaveLength(1);
      await many(2, tally);
      await tally.close();
      expect(await counted()).toBe(singlyInWindow + 3);
    });

    it('fail, as the answer must, when they cannot be written; nothing is counted twice afterwards', async () => {
      let isDown = false;
      const failing: Store = {
        ...store,
        commit: async (writes) => {
          if (isDown) throw new Error('down');
          return store.commit(writes);
        },
      };
      const tally = createRefusalTally({
        store: failing,
        clock,
        ids: systemIds,
        writes: (entry) => audit.writes(entry),
      });
      await many(singlyInWindow + 2, tally);
      isDown = true;
      await expect(tally.record(refusal)).rejects.toThrow('down');
      await expect(tally.close()).rejects.toThrow('down');
      isDown = false;
      clock.advance(minutes(6));
      await process().tidy();
      expect(await counted()).toBe(singlyInWindow + 2);
    });
  },
);
