import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createLeases, type Lease, type Leases } from '../../src/storage/lease.ts';
import { StorageError, type Store } from '../../src/storage/port.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';

const termMs = 9000;

async function taken(leases: Leases, name = 'job'): Promise<Lease> {
  const lease = await leases.acquire(name);
  if (lease === undefined) throw new Error(`${name} could not be had`);
  return lease;
}

describe.each(engines)('leases on $name', (engine) => {
  let clock: TestClock;
  let store: Store;
  let dispose: () => Promise<void>;
  let ours: Leases;
  let theirs: Leases;
  beforeEach(async () => {
    clock = testClock();
    ({ store, dispose } = await engine.open(clock));
    ours = createLeases({ store, clock, termMs });
    theirs = createLeases({ store, clock, termMs });
  });
  afterEach(async () => {
    vi.useRealTimers();
    await dispose();
  });

  const fenced = async (lease: Lease, sort: string) =>
    (await store.commit([lease.fence, { op: 'put', partition: 'work', sort, value: null }])).ok;

  it('has one holder, and the next after a release, with the next epoch', async () => {
    const first = await taken(ours);
    expect(first.epoch).toBe(1);
    expect(await theirs.acquire('job')).toBeUndefined();
    expect(await ours.acquire('job')).toBeUndefined();
    expect((await taken(theirs, 'another job')).epoch).toBe(1);
    await first.release();
    expect((await taken(theirs)).epoch).toBe(2);
  });

  it('lets one of many win, whoever asks at the same moment', async () => {
    const everybody = Array.from({ length: 8 }, () => createLeases({ store, clock, termMs }));
    const outcomes = await Promise.all(everybody.map((leases) => leases.acquire('job')));
    expect(outcomes.filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  it('lasts as long as it is renewed, and is taken over after a whole term without', async () => {
    const lease = await taken(ours);
    expect(await theirs.acquire('job')).toBeUndefined();
    for (let renewals = 0; renewals < 5; renewals++) {
      clock.advance(termMs - 1000);
      expect(await lease.renew()).toBe(true);
      expect(await theirs.acquire('job')).toBeUndefined();
    }
    clock.advance(termMs - 1);
    expect(await theirs.acquire('job')).toBeUndefined();
    clock.advance(1);
    expect((await taken(theirs)).epoch).toBe(2);
    expect(await lease.renew()).toBe(false);
    expect(lease.remainingMs()).toBe(0);
  });

  it('ends for its holder before anybody else can have it', async () => {
    const lease = await taken(ours);
    expect(await theirs.acquire('job')).toBeUndefined();
    clock.advance(termMs - 1);
    expect(lease.remainingMs()).toBe(0);
    expect(await theirs.acquire('job')).toBeUndefined();
  });

  it('needs no agreement about what time it is', async () => {
    const ahead = testClock(clock.now() + 3_600_000);
    const strangers = createLeases({ store, clock: ahead, termMs });
    const lease = await taken(ours);
    expect(await strangers.acquire('job')).toBeUndefined();
    ahead.advance(termMs - 1);
    expect(await strangers.acquire('job')).toBeUndefined();
    await lease.renew();
    ahead.advance(1);
    expect(await strangers.acquire('job')).toBeUndefined();
    ahead.advance(termMs);
    expect(await strangers.acquire('job')).toBeDefined();
  });

  it('watches anew when the clock is set back, instead of waiting for the old time', async () => {
    await taken(ours);
    await theirs.acquire('job');
    clock.advance(-3_600_000);
    expect(await theirs.acquire('job')).toBeUndefined();
    clock.advance(termMs);
    expect(await theirs.acquire('job')).toBeDefined();
  });

  it('fences off whoever still believes to hold it', async () => {
    const before = await taken(ours);
    expect(await fenced(before, 'a')).toBe(true);
    await before.renew();
    expect(await fenced(before, 'b')).toBe(true);
    await theirs.acquire('job');
    clock.advance(termMs);
    const after = await taken(theirs);
    expect(await fenced(before, 'c')).toBe(false);
    expect(await fenced(after, 'd')).toBe(true);
    // Neither a late release nor the takeover's own end lets the old holder in again.
    await before.release();
    expect(await theirs.acquire('job')).toBeUndefined();
    await after.release();
    expect(await fenced(before, 'e')).toBe(false);
    expect((await store.list('work')).items.map(({ sort }) => sort)).toEqual(['a', 'b', 'd']);
  });

  it('does not fence off the one who renews while a commit is made ready', async () => {
    const lease = await taken(ours);
    const outcomes = await Promise.all([
      fenced(lease, 'a'),
      lease.renew(),
      lease.renew(),
      fenced(lease, 'b'),
    ]);
    expect(outcomes).toEqual([true, true, true, true]);
  });

  it('never has two holders whose fences hold, whatever happens', async () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('acquire' as const), who: fc.nat(2) }),
      fc.record({ kind: fc.constant('renew' as const), who: fc.nat(2) }),
      fc.record({ kind: fc.constant('release' as const), who: fc.nat(2) }),
      fc.record({ kind: fc.constant('write' as const), who: fc.nat(2) }),
      fc.record({
        kind: fc.constant('pass' as const),
        who: fc.nat(2),
        ms: fc.integer({ min: 1, max: 12_000 }),
      }),
    );
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const name = `job-${run++}`;
        // Each with a time of its own: they only pass at the same rate when the machine is not suspended.
        const clocks = [0, 7_000_000, -7_000_000].map((skew) => testClock(clock.now() + skew));
        const parties = clocks.map((own) => createLeases({ store, clock: own, termMs }));
        const held: (Lease | undefined)[] = [undefined, undefined, undefined];
        let newest = 0;
        const wrong: string[] = [];
        for (const { who, ...what } of steps) {
          const lease = held[who];
          if (what.kind === 'acquire') {
            const got = await parties[who]?.acquire(name);
            if (got === undefined) continue;
            if (got.epoch !== newest + 1) wrong.push(`epoch ${got.epoch} after ${newest}`);
            newest = got.epoch;
            held[who] = got;
          } else if (what.kind === 'pass') clocks[who]?.advance(what.ms);
          else if (lease === undefined) continue;
          else if (what.kind === 'renew') await lease.renew();
          else if (what.kind === 'release') await lease.release();
          else if ((await fenced(lease, name)) !== (lease.epoch === newest))
            wrong.push(`a write of epoch ${lease.epoch} when ${newest} was the newest`);
        }
        expect(wrong).toEqual([]);
      }),
      { numRuns: 60 },
    );
  });

  describe('hold', () => {
    it('runs the work, gives its value and releases', async () => {
      const outcome = await ours.hold('job', async (lease) => {
        expect(await theirs.hold('job', () => Promise.resolve('never'))).toEqual({ held: false });
        return lease.epoch;
      });
      expect(outcome).toEqual({ held: true, value: 1 });
      expect(await theirs.hold('job', ({ epoch }) => Promise.resolve(epoch))).toEqual({
        held: true,
        value: 2,
      });
    });

    it('releases when the work throws', async () => {
      await expect(ours.hold('job', () => Promise.reject(new Error('the work failed')))).rejects.toThrow(
        'the work failed',
      );
      expect(await theirs.acquire('job')).toBeDefined();
    });

    it('renews while the work runs', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      await ours.hold('job', async (lease, lost) => {
        expect(await theirs.acquire('job')).toBeUndefined();
        for (let step = 0; step < 40; step++) {
          clock.advance(termMs / 10);
          await vi.advanceTimersByTimeAsync(termMs / 10);
          // A renewal that is under way is waited for, so that time does not run past it.
          await lease.renew();
          expect(await theirs.acquire('job')).toBeUndefined();
        }
        expect(lost.aborted).toBe(false);
      });
    });

    it('tells the work when somebody else has taken over', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      const later = testClock(clock.now());
      const strangers = createLeases({ store, clock: later, termMs });
      await ours.hold('job', async (lease, lost) => {
        await strangers.acquire('job');
        later.advance(termMs);
        expect(await strangers.acquire('job')).toBeDefined();
        const told = new Promise((resolve) => lost.addEventListener('abort', resolve));
        clock.advance(termMs / 3);
        await vi.advanceTimersByTimeAsync(termMs / 3);
        await told;
        expect(await fenced(lease, 'late')).toBe(false);
      });
    });

    it('tells the work in time when the store answers no renewal', async () => {
      vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
      let answers = true;
      const flaky: Store = {
        ...store,
        commit: (writes) =>
          answers ? store.commit(writes) : Promise.reject(new StorageError('unavailable', 'is away')),
      };
      const leases = createLeases({ store: flaky, clock, termMs });
      await leases.hold('job', async (_, lost) => {
        expect(await theirs.acquire('job')).toBeUndefined();
        answers = false;
        for (let ms = 0; ms < termMs - 100; ms += 100) {
          clock.advance(100);
          await vi.advanceTimersByTimeAsync(100);
        }
        expect(lost.aborted).toBe(true);
        expect(await theirs.acquire('job')).toBeUndefined();
      });
      clock.advance(termMs);
      expect(await theirs.acquire('job')).toBeDefined();
    });
  });
});
