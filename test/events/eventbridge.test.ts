import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createEventBridgeBus } from '../../src/events/eventbridge/index.ts';
import { entryOf } from '../../src/events/eventbridge/entry.ts';
import { maxBytes } from '../../src/events/eventbridge/queues.ts';
import type { EventBus, EventEnvelope } from '../../src/events/port.ts';
import { type FakeEventBridge, fakeEventBridge } from './fake-eventbridge.ts';
import { silent } from './outbox-world.ts';

let fake: FakeEventBridge;
let bus: EventBus;
beforeEach(async () => {
  fake = await fakeEventBridge();
  bus = createEventBridgeBus({
    log: silent,
    bus: 'broker',
    region: 'eu-central-1',
    endpoint: fake.url,
    credentials: { accessKeyId: 'test', secretAccessKey: 'test' },
    timeoutMs: 1500,
  });
});
afterEach(async () => {
  await bus.close();
  await fake.close();
});

/** `tenant` and `sequence`; `bytes` makes the entry exactly so large. */
function changed(tenant: string, sequence = 1, bytes?: number): EventEnvelope<'tenant.changed.v1'> {
  const event: EventEnvelope<'tenant.changed.v1'> = {
    specversion: '1.0',
    id: `evt_${tenant}_${sequence}`,
    source: 'urn:broker.example:broker',
    type: 'a2a.broker.tenant.changed.v1',
    subject: `tenant:${tenant}`,
    time: '2026-01-15T12:00:00.250Z',
    datacontenttype: 'application/json',
    sequence: String(sequence).padStart(10, '0'),
    data: { tenant, tier: '', changed: [] },
  };
  const padding = bytes === undefined ? 0 : bytes - entryOf(event, 'broker').bytes;
  return { ...event, data: { ...event.data, tier: 'x'.repeat(padding) } };
}

const outcomes = async (...events: readonly EventEnvelope[]) =>
  (await bus.publish(events)).map(({ outcome }) => outcome);
const idsOf = (entries: readonly { readonly Detail: string }[]) =>
  entries.map(({ Detail }) => (JSON.parse(Detail) as EventEnvelope).id);

describe('what EventBridge gets', () => {
  it('is the CloudEvent, with names that rules can match', async () => {
    const event = changed('acme', 7);
    expect(await bus.publish([event])).toEqual([{ outcome: 'taken' }]);
    const [entry] = fake.taken;
    expect(entry).toMatchObject({
      EventBusName: 'broker',
      Source: 'a2a.broker',
      DetailType: 'tenant.changed.v1',
      Time: Date.parse(event.time) / 1000,
    });
    expect(JSON.parse(entry?.Detail ?? '')).toEqual(event);
  });

  it('comes ten at a time, and one of each subject', async () => {
    const events = [
      ...Array.from({ length: 12 }, (_, index) => changed(`t${index}`)),
      changed('t0', 2),
      changed('t0', 3),
      changed('t1', 2),
    ];
    expect(new Set(await outcomes(...events))).toEqual(new Set(['taken']));
    expect(fake.requests.map((entries) => entries.length)).toEqual([10, 4, 1]);
    for (const entries of fake.requests) {
      const subjects = entries.map(({ Detail }) => (JSON.parse(Detail) as EventEnvelope).subject);
      expect(new Set(subjects).size).toBe(subjects.length);
    }
    expect(idsOf(fake.taken).filter((id) => id.startsWith('evt_t0_'))).toEqual([
      'evt_t0_1',
      'evt_t0_2',
      'evt_t0_3',
    ]);
  });

  it('is never more than 256 KB in one request, by EventBridge’s own count', async () => {
    const half = 128 * 1024;
    expect(await outcomes(changed('a', 1, half), changed('b', 1, half - 1), changed('c', 1, 1000))).toEqual([
      'taken',
      'taken',
      'taken',
    ]);
    expect(fake.requests.map(idsOf)).toEqual([['evt_a_1', 'evt_b_1'], ['evt_c_1']]);
  });

  it('counts bytes, not characters', () => {
    const plain = changed('acme');
    const umlauts = { ...plain, data: { ...plain.data, tier: 'ääää' } };
    expect(entryOf(umlauts, 'broker').bytes - entryOf(plain, 'broker').bytes).toBe(8);
    const { request, bytes } = entryOf(umlauts, 'broker');
    const texts = [request.Source, request.DetailType, request.Detail].map((text) =>
      Buffer.byteLength(text ?? ''),
    );
    expect(bytes).toBe(14 + texts.reduce((sum, count) => sum + count, 0));
  });

  it('is refused here when it alone is too large, and holds back its subject only', async () => {
    const deliveries = await bus.publish([
      changed('a', 1, maxBytes + 1),
      changed('a', 2),
      changed('b', 1, maxBytes),
    ]);
    expect(deliveries).toEqual([
      { outcome: 'refused', reason: 'too large: 262144 bytes, where 262143 is the most' },
      { outcome: 'held' },
      { outcome: 'taken' },
    ]);
    expect(fake.requests.map(idsOf)).toEqual([['evt_b_1']]);
  });
});

describe('when EventBridge takes only some', () => {
  it('holds back what comes after, of the same subject and no other', async () => {
    fake.script({ entries: [undefined, 'InternalFailure', 'MalformedDetail'] });
    expect(
      await bus.publish([
        changed('a'),
        changed('b'),
        changed('c'),
        changed('a', 2),
        changed('b', 2),
        changed('c', 2),
      ]),
    ).toEqual([
      { outcome: 'taken' },
      { outcome: 'failed', reason: 'InternalFailure: a test says so' },
      { outcome: 'refused', reason: 'MalformedDetail: a test says so' },
      { outcome: 'taken' },
      { outcome: 'held' },
      { outcome: 'held' },
    ]);
    expect(fake.requests.map(idsOf)).toEqual([['evt_a_1', 'evt_b_1', 'evt_c_1'], ['evt_a_2']]);
  });

  it.each([
    ['InternalFailure', 'failed'],
    ['ThrottlingException', 'failed'],
    ['AccessDeniedException', 'failed'],
    ['InvalidAccountIdException', 'failed'],
    ['NotAuthorizedForSourceException', 'failed'],
    ['NotAuthorizedForDetailTypeException', 'refused'],
    ['InvalidArgument', 'refused'],
    ['MalformedDetail', 'refused'],
    ['SomethingNew', 'refused'],
  ])('tells the event’s own fault from the bus’s: %s is %s', async (code, outcome) => {
    fake.script({ entries: [code] });
    expect(await outcomes(changed('a'))).toEqual([outcome]);
  });
});

describe('when a request fails as a whole', () => {
  it.each([
    ['throttled', { error: 'ThrottlingException' }],
    ['an internal error', { error: 'InternalFailure', status: 500 }],
    ['not there for the moment', { error: 'ServiceUnavailable', status: 503 }],
    ['expired credentials', { error: 'ExpiredTokenException' }],
    ['no permission', { error: 'AccessDeniedException' }],
    ['no such bus', { error: 'ResourceNotFoundException' }],
    ['no answer', 'hang'],
    ['a cut connection', 'drop'],
    ['a cut connection after all was taken', 'take-and-drop'],
    ['an answer that is none', 'garbage'],
  ] as const)('%s: nothing is lost, and nothing more is asked', async (_, answer) => {
    fake.script(answer);
    const many = Array.from({ length: 12 }, (__, index) => changed(`t${index}`));
    expect(await outcomes(...many)).toEqual([
      ...Array.from({ length: 10 }, () => 'failed'),
      ...Array.from({ length: 2 }, () => 'held'),
    ]);
    expect(fake.requests).toHaveLength(1);
    expect(await outcomes(...many)).toEqual(Array.from({ length: 12 }, () => 'taken'));
  });

  it.each([['ValidationException'], ['SerializationException']])(
    'finds the one because of which it was %s, and hands the others over',
    async (error) => {
      fake.judge((entries) => (idsOf(entries).includes('evt_t3_1') ? { error } : undefined));
      const many = Array.from({ length: 6 }, (_, index) => changed(`t${index}`));
      const outcome = (await outcomes(...many, changed('t3', 2), changed('t4', 2))).join(' ');
      expect(outcome).toBe('taken taken taken refused taken taken held taken');
    },
  );

  it('says why', async () => {
    fake.script({ error: 'ThrottlingException' });
    expect(await bus.publish([changed('a')])).toEqual([
      { outcome: 'failed', reason: 'ThrottlingException: a test says so' },
    ]);
  });

  it('says so when nothing listens', async () => {
    await fake.close();
    const [delivery] = await bus.publish([changed('a')]);
    expect(delivery).toEqual({
      outcome: 'failed',
      reason: expect.stringContaining('ECONNREFUSED') as string,
    });
  });
});

describe('a bus that does not exist', () => {
  it('gets nothing, because EventBridge would drop it and say yes', async () => {
    fake.describe('ResourceNotFoundException');
    expect(await bus.publish([changed('a')])).toEqual([
      { outcome: 'failed', reason: 'broker: ResourceNotFoundException: a test says so' },
    ]);
    expect(fake.requests).toEqual([]);
    fake.describe();
    expect(await outcomes(changed('a'))).toEqual(['taken']);
    expect(await outcomes(changed('b'))).toEqual(['taken']);
    expect(fake.describes()).toBe(2);
  });

  it('cannot be told from one that may not be described: then it is tried', async () => {
    fake.describe('AccessDeniedException');
    expect(await outcomes(changed('a'))).toEqual(['taken']);
    expect(await outcomes(changed('b'))).toEqual(['taken']);
    expect(fake.describes()).toBe(1);
  });
});
