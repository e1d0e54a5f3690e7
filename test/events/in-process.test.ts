import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createInProcessBus, type InProcessBus } from '../../src/events/in-process/index.ts';
import type { EventEnvelope } from '../../src/events/port.ts';
import { silent } from './outbox-world.ts';

let bus: InProcessBus;
beforeEach(() => {
  bus = createInProcessBus({ log: silent, timeoutMs: 1000 });
});
afterEach(() => {
  vi.useRealTimers();
  return bus.close();
});

function suspended(tenant: string, sequence = 1): EventEnvelope<'tenant.suspended.v1'> {
  return {
    specversion: '1.0',
    id: `evt_${tenant}_${sequence}`,
    source: 'urn:broker.example:broker',
    type: 'a2a.broker.tenant.suspended.v1',
    subject: `tenant:${tenant}`,
    time: '2026-01-15T12:00:00.000Z',
    datacontenttype: 'application/json',
    sequence: String(sequence).padStart(10, '0'),
    data: { tenant },
  };
}

const outcomes = async (...events: readonly EventEnvelope[]) =>
  (await bus.publish(events)).map(({ outcome }) => outcome);

describe('the in-process bus', () => {
  it('gives each subscriber the types that it asked for', async () => {
    const heard: string[] = [];
    bus.subscribe('stops', ['tenant.suspended.v1', 'tenant.reinstated.v1'], ({ data, type }) => {
      heard.push(`${type} ${data.tenant}`);
    });
    bus.subscribe('others', ['plan.defined.v1'], () => void heard.push('never'));
    expect(await outcomes(suspended('acme'))).toEqual(['taken']);
    expect(heard).toEqual(['a2a.broker.tenant.suspended.v1 acme']);
  });

  it('takes what nobody wants', async () => {
    expect(await outcomes(suspended('acme'))).toEqual(['taken']);
  });

  it('tells nothing any more to whoever has unsubscribed', async () => {
    const heard: string[] = [];
    const end = bus.subscribe('stops', ['tenant.suspended.v1'], ({ id }) => void heard.push(id));
    end();
    await outcomes(suspended('acme'));
    expect(heard).toEqual([]);
  });

  it('keeps one subscriber’s failure from the others, and tells only that one again', async () => {
    const heard: string[] = [];
    let fails = true;
    bus.subscribe('good', ['tenant.suspended.v1'], () => void heard.push('good'));
    bus.subscribe('bad', ['tenant.suspended.v1'], () => {
      heard.push('bad');
      if (fails) throw new Error('cannot now');
    });
    bus.subscribe('good too', ['tenant.suspended.v1'], async () => {
      await Promise.resolve();
      heard.push('good too');
    });
    expect(await bus.publish([suspended('acme')])).toEqual([
      { outcome: 'refused', reason: 'bad: cannot now' },
    ]);
    expect(heard.toSorted()).toEqual(['bad', 'good', 'good too']);
    fails = false;
    expect(await outcomes(suspended('acme'))).toEqual(['taken']);
    expect(heard.filter((name) => name === 'bad')).toHaveLength(2);
    expect(heard).toHaveLength(4);
    // Taken is taken: should it come again, after a crash, everybody hears it again.
    expect(await outcomes(suspended('acme'))).toEqual(['taken']);
    expect(heard).toHaveLength(7);
  });

  it('keeps the order of a subject, and holds nobody up for another one', async () => {
    const heard: string[] = [];
    bus.subscribe('all', ['tenant.suspended.v1'], async ({ id }) => {
      // The earlier one takes longer.
      for (let turns = id.endsWith('_1') ? 20 : 1; turns > 0; turns--) await Promise.resolve();
      if (id === 'evt_globex_1') throw new Error('not this one');
      heard.push(id);
    });
    expect(
      await outcomes(
        suspended('acme', 1),
        suspended('globex', 1),
        suspended('acme', 2),
        suspended('globex', 2),
        suspended('initech', 2),
      ),
    ).toEqual(['taken', 'refused', 'taken', 'held', 'taken']);
    expect(heard).toEqual(['evt_initech_2', 'evt_acme_1', 'evt_acme_2']);
  });

  it('does not wait for ever', async () => {
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    bus.subscribe('stuck', ['tenant.suspended.v1'], () => new Promise(() => undefined));
    const answer = bus.publish([suspended('acme')]);
    await vi.advanceTimersByTimeAsync(1000);
    expect(await answer).toEqual([{ outcome: 'refused', reason: 'stuck: did not end within 1000 ms' }]);
  });
});
