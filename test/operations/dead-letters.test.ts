import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { maxAttempts } from '../../src/events/relay-shard.ts';
import type { EventEnvelope } from '../../src/events/port.ts';
import { type Clock, systemClock } from '../../src/kernel/clock.ts';
import { operatorCli } from '../cli/run.ts';
import { type RunningBroker, runBroker } from '../support/broker-in-process.ts';
import { call, openMarket } from '../support/market.ts';
import { type TestEngine, engines } from '../support/stores.ts';
import { testBus, type TestBus } from '../events/outbox-world.ts';

interface DeadLetter {
  readonly id: string;
  readonly type: string;
  readonly subject: string;
  readonly attempts: number;
  readonly reason: string;
  readonly event: EventEnvelope;
}

const soon = { timeout: 10_000, interval: 5 };

/** Time that a test can move on, while everything else goes on as usual. */
function movableClock(): Clock & { advance(ms: number): void } {
  let ahead = 0;
  return { now: () => systemClock.now() + ahead, advance: (ms) => void (ahead += ms) };
}

describe.each(engines)('dead letters on $name', (engine: TestEngine) => {
  let clock: ReturnType<typeof movableClock>;
  let dispose: () => Promise<void>;
  let bus: TestBus;
  let broker: RunningBroker;
  beforeEach(async () => {
    clock = movableClock();
    const { store, dispose: disposeStore } = await engine.open(clock);
    bus = testBus();
    broker = await runBroker({ store, clock, bus });
    dispose = async () => {
      await broker.close();
      await disposeStore();
    };
  });
  afterEach(() => dispose());

  const operator = <T = Record<string, unknown>>(method: string, path: string, body?: unknown) =>
    call<T>(broker, method, path, body);
  const list = async () =>
    (await operator<{ items: readonly DeadLetter[] }>('GET', '/v1/events/dead-letters')).items;
  const told = () => bus.taken.map(({ subject, sequence }) => `${subject} ${Number(sequence)}`);

  /** A dead letter of acme, with two events behind it. */
  async function die(): Promise<DeadLetter> {
    bus.always('refused', ({ subject }) => subject !== 'tenant:acme');
    await operator('POST', '/v1/tenants', { id: 'acme', name: 'Acme', tier: 'standard' });
    const dead = await vi.waitFor(async () => {
      // Each change wakes the relay; the pauses between attempts are skipped.
      clock.advance(60_000);
      await operator('PATCH', '/v1/tenants/acme', { name: `Acme ${clock.now()}` });
      const [letter] = await list();
      if (letter === undefined) throw new Error('not dead yet');
      return letter;
    }, soon);
    bus.always();
    return dead;
  }

  it('tell what was refused and why, and how much waits', async () => {
    const dead = await die();
    expect(dead).toMatchObject({
      type: 'a2a.broker.tenant.created.v1',
      subject: 'tenant:acme',
      attempts: maxAttempts,
      reason: 'MalformedDetail: a test says so',
      event: { id: dead.id, sequence: '0000000001', data: { tenant: 'acme', tier: 'standard' } },
    });
    clock.advance(90_000);
    const outbox = await operator<{ waiting: number; oldestAgeSeconds: number }>('GET', '/v1/events/outbox');
    expect(outbox).toMatchObject({
      bus: 'in-process',
      waitingIsCapped: false,
      deadLetters: 1,
      deadLettersIsCapped: false,
      oldestAt: dead.event.time,
    });
    expect(outbox.waiting).toBeGreaterThan(1);
    expect(outbox.oldestAgeSeconds).toBeGreaterThanOrEqual(90);
  });

  it('go out in their old place when they are replayed', async () => {
    const dead = await die();
    const answer = await operator('POST', `/v1/events/dead-letters/${dead.id}/replay`);
    expect(answer).toEqual({ id: dead.id, type: dead.type, subject: 'tenant:acme', state: 'waiting' });
    await vi.waitFor(
      async () => expect(await operator('GET', '/v1/events/outbox')).toMatchObject({ waiting: 0 }),
      soon,
    );
    expect(told().slice(0, 2)).toEqual(['tenant:acme 1', 'tenant:acme 2']);
    expect(await list()).toEqual([]);
  });

  it('leave a gap when they are discarded, and what waited goes out', async () => {
    const dead = await die();
    const answer = await operator('POST', `/v1/events/dead-letters/${dead.id}/discard`, {
      reason: 'not wanted',
    });
    expect(answer).toMatchObject({ state: 'discarded' });
    await vi.waitFor(
      async () => expect(await operator('GET', '/v1/events/outbox')).toMatchObject({ waiting: 0 }),
      soon,
    );
    expect(told()[0]).toBe('tenant:acme 2');
    expect(told()).not.toContain('tenant:acme 1');
    const { items } = await operator<{ items: readonly Record<string, unknown>[] }>('GET', '/v1/audit');
    expect(items.find(({ action }) => action === 'event.discard')).toMatchObject({
      actor: 'operator',
      reason: 'not wanted',
      detail: { event: dead.id, type: dead.type, subject: 'tenant:acme', sequence: '0000000001' },
    });
  });

  it('are decided once', async () => {
    const dead = await die();
    const decide = (decision: string) =>
      operator('POST', `/v1/events/dead-letters/${dead.id}/${decision}`, { reason: 'x' }).then(
        () => 'done',
        (error: Error) => /: (\d+)/.exec(error.message)?.[1],
      );
    const outcomes = await Promise.all([decide('replay'), decide('discard'), decide('discard')]);
    expect(outcomes.filter((outcome) => outcome === 'done')).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === '404' || outcome === '409')).toHaveLength(2);
    expect(await decide('discard')).toBe('404');
  });

  it('are the operator’s business alone', async () => {
    const market = await openMarket(broker, 'http://127.0.0.1:9/jsonrpc');
    const provider = { url: broker.url, token: await market.providerToken() };
    for (const [method, path] of [
      ['GET', '/v1/events/outbox'],
      ['GET', '/v1/events/dead-letters'],
      ['POST', '/v1/events/dead-letters/evt_1/replay'],
      ['POST', '/v1/events/dead-letters/evt_1/discard'],
    ] as const)
      await expect(
        call(provider, method, path, method === 'POST' ? { reason: 'x' } : undefined),
      ).rejects.toThrow(/403/);
  });

  describe('on the command line', () => {
    const cli = (...words: readonly string[]) => operatorCli(broker)(['events', ...words]);

    it('are listed, replayed and discarded', async () => {
      const dead = await die();
      const outbox = await cli('outbox');
      expect(outbox.code).toBe(0);
      expect(outbox.out).toMatch(/deadLetters +1\n/);
      const listed = await cli('dead-letters', 'list');
      expect(listed.out).toContain(dead.id);
      expect(listed.out).toContain('MalformedDetail');
      const replayed = await cli('dead-letters', 'replay', dead.id, '--json');
      expect(JSON.parse(replayed.out)).toMatchObject({ id: dead.id, state: 'waiting' });
      await vi.waitFor(() => expect(told()).toContain('tenant:acme 1'), soon);

      const again = await cli('dead-letters', 'replay', dead.id);
      expect([again.code, again.err]).toEqual([
        3,
        expect.stringContaining('There is no dead letter') as string,
      ]);
      expect((await cli('dead-letters', 'discard', dead.id)).code).toBe(2);
      expect((await cli('dead-letters', 'discard', dead.id, '--reason', 'gone')).code).toBe(3);
      expect((await cli('dead-letters', 'list')).err).toBe('There is nothing.\n');
    });
  });
});
