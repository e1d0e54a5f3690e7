import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { usageShards } from '../../src/billing/usage-repository.ts';
import { engines } from '../support/stores.ts';
import { day, type Event, everything, ingest, newWorld, operator, usageOf, type World } from './world.ts';

describe.each(engines)('reported usage on $name', (engine) => {
  let world: World;
  beforeEach(async () => {
    world = await newWorld(engine);
  });
  afterEach(() => world.dispose());

  const one = async (event: Event) => (await ingest(world, [event]))[0];
  const quarantine = async (provider = 'skyways') =>
    (await everything((page) => world.billing.quarantined(provider, page))).map(
      ({ id, reason }) => `${id} ${reason}`,
    );

  it('is accepted when a delegation of ours covers it', async () => {
    expect(await one(world.event({ id: 'e1', quantities: { tokens: '1200.5', pages: '2' } }))).toBe(
      'e1 accepted',
    );
    expect(await usageOf(world, 'tokens')).toEqual(['1200.5', 1]);
    expect(await usageOf(world, 'pages')).toEqual(['2', 1]);
    expect(await quarantine()).toEqual([]);
  });

  it('answers each event of a batch, in order, whatever became of the others', async () => {
    const good = world.event({ id: 'good' });
    const bad = world.event({ id: 'bad', quantities: { nonsense: '1' } });
    await ingest(world, [world.event({ id: 'old' })]);
    expect(
      await ingest(world, [
        bad,
        'no event at all',
        good,
        world.event({ id: 'old' }),
        { id: 'half' },
        good,
        world.event({ id: 'good', quantities: { tokens: '7' } }),
        world.event({ id: 'calls', quantities: { calls: '1' } }),
        world.event({ id: 'last' }),
      ]),
    ).toEqual([
      'bad unknown_meter',
      '? invalid_event',
      'good accepted',
      'old duplicate',
      'half invalid_event',
      'good duplicate',
      'good conflict',
      'calls meter_not_yours',
      'last accepted',
    ]);
    expect(await usageOf(world, 'tokens')).toEqual(['3', 3]);
    expect(await quarantine()).toEqual(['good conflict', 'calls meter_not_yours', 'bad unknown_meter']);
  });

  it('takes a batch of a thousand over many commits, each event once', async () => {
    const events = Array.from({ length: 1000 }, (_, index) => world.event({ id: `e${index}` }));
    expect(new Set((await world.billing.ingest('skyways', events)).map(({ status }) => status))).toEqual(
      new Set(['accepted']),
    );
    expect(await usageOf(world, 'tokens')).toEqual(['1000', 1000]);
  });

  describe('of somebody else', () => {
    it.each([
      ['another provider’s source', { source: 'urn:broker.example.com:provider:cloudly' }],
      ['another provider’s name', { providerid: 'cloudly' }],
      ['the gateway’s source', { source: 'urn:broker.example.com:gateway' }],
      ['a source at another broker', { source: 'urn:evil.example:provider:skyways' }],
      ['a source that only starts the same', { source: 'urn:broker.example.com:provider:skyways2' }],
    ])('is refused by its source, and left out of the books: %s', async (_, change) => {
      expect(await one(world.event({ id: 'e1' }, change))).toBe('e1 source_not_yours');
      expect(await usageOf(world, 'tokens')).toEqual(['0', 0]);
      expect(await quarantine()).toEqual([]);
      expect(await quarantine('cloudly')).toEqual([]);
    });

    it.each([
      ['an unknown delegation', { delegationid: 'A'.repeat(43) }],
      ['another tenant', { tenantid: 'globex' }],
      ['another agent of the provider', { agentid: 'skyways/hotels' }],
      ['another provider’s agent', { agentid: 'cloudly/flights' }],
    ])('is one answer for every delegation that does not fit: %s', async (_, change) => {
      const [result] = await world.billing.ingest('skyways', [world.event({ id: 'e1' }, change)]);
      expect(result).toEqual({
        id: 'e1',
        status: 'rejected',
        reason: 'delegation_mismatch',
        detail: 'delegationid does not name a call that this agent received for this tenant at that time.',
      });
      expect(await usageOf(world, 'tokens')).toEqual(['0', 0]);
      expect(await quarantine()).toEqual(['e1 delegation_mismatch']);
    });

    it('cannot use another provider’s delegation, though all else fits', async () => {
      const theirs = world.delegate({ provider: 'cloudly' });
      expect(await one(world.event({ id: 'e1' }, { delegationid: theirs.id }))).toBe(
        'e1 delegation_mismatch',
      );
      expect(await quarantine('cloudly')).toEqual([]);
    });
  });

  describe('time', () => {
    const around = (offset: number) => world.event({ id: 'e1', at: world.clock.now() + offset });
    it.each([
      ['35 days ago', -35 * day, 'accepted'],
      ['a millisecond more', -35 * day - 1, 'time_out_of_range'],
      ['36 days ago', -36 * day, 'time_out_of_range'],
      ['in 5 minutes', 5 * 60_000, 'accepted'],
      ['a millisecond later', 5 * 60_000 + 1, 'time_out_of_range'],
      ['in 6 minutes', 6 * 60_000, 'time_out_of_range'],
    ])('%s', async (_, offset, answer) => {
      expect(await one(around(offset))).toBe(`e1 ${answer}`);
      expect(await quarantine()).toEqual(answer === 'accepted' ? [] : [`e1 ${answer}`]);
    });

    it.each([
      ['30 seconds before the token', -30_000, 'accepted'],
      ['31 seconds before the token', -31_000, 'delegation_mismatch'],
      ['a day after its end', 300_000 + day, 'accepted'],
      ['a second later', 301_000 + day, 'delegation_mismatch'],
    ])('must be that of the delegation: %s', async (_, offset, answer) => {
      const issued = world.clock.now() - 3 * day;
      const { id } = world.delegate({ issuedAt: issued / 1000, expiresAt: issued / 1000 + 300 });
      const event = world.event(
        { id: 'e1' },
        { delegationid: id, time: new Date(issued + offset).toISOString() },
      );
      expect(await one(event)).toBe(`e1 ${answer}`);
    });
  });

  describe('what an event says twice', () => {
    const hops = ['A', 'B'].map((letter) => letter.repeat(43));
    it.each<[string, Event, string]>([
      ['its subject', { subject: 'acme/skyways/flights' }, 'accepted'],
      ['another tenant as its subject', { subject: 'globex/skyways/flights' }, 'subject_mismatch'],
      ['another agent as its subject', { subject: 'acme/skyways/hotels' }, 'subject_mismatch'],
      ['a subject without the provider', { subject: 'acme/flights' }, 'subject_mismatch'],
      ['where its chain began', { delegationroot: hops[0] ?? '' }, 'accepted'],
      ['another beginning', { delegationroot: hops[1] ?? '' }, 'delegation_mismatch'],
      ['how deep it is', { delegationdepth: 3 }, 'accepted'],
      ['another depth', { delegationdepth: 2 }, 'delegation_mismatch'],
      [
        'all of it',
        { delegationroot: hops[0] ?? '', delegationdepth: 3, subject: 'acme/skyways/flights' },
        'accepted',
      ],
      [
        'null for what is not said',
        { subject: null, delegationroot: null, delegationdepth: null },
        'accepted',
      ],
    ])('has to be true: %s', async (_, change, answer) => {
      const { id } = world.delegate({
        depth: 3,
        chain: { delegations: hops, clients: [], agents: [], agreements: [] },
      });
      expect(await one(world.event({ id: 'e1' }, { delegationid: id, ...change }))).toBe(`e1 ${answer}`);
      expect(await quarantine()).toEqual(answer === 'accepted' ? [] : [`e1 ${answer}`]);
      expect(await usageOf(world, 'tokens')).toEqual(answer === 'accepted' ? ['1', 1] : ['0', 0]);
    });

    it('has itself as root when it is the first of its chain', async () => {
      const { id } = world.delegate();
      expect(await one(world.event({ id: 'e1' }, { delegationid: id, delegationroot: id }))).toBe(
        'e1 accepted',
      );
    });

    it('is of the transaction of its delegation, whatever the provider correlates it with', async () => {
      const { id } = world.delegate({ txn: 'txn-of-the-chain' });
      await one(world.event({ id: 'e1' }, { delegationid: id, correlationid: 'my own' }));
      const shards = usageShards('2026-01', 'acme').all;
      const [record] = await everything((page) => world.store.list<object>(shards, page));
      expect(record).toMatchObject({ txn: 'txn-of-the-chain', correlationId: 'my own', delegationId: id });
    });
  });

  it('of a delegation that was revoked is that of the time before, and of what was under way', async () => {
    const now = world.clock.now() / 1000;
    const { id } = world.delegate({
      issuedAt: now - 5 * 86_400,
      expiresAt: now,
      revokedAt: now - 4 * 86_400,
    });
    const at = (seconds: number) =>
      one(world.event({ id: `at ${seconds}`, at: (now + seconds) * 1000 }, { delegationid: id }));
    expect(await at(-4 * 86_400)).toBe(`at -345600 accepted`);
    expect(await at(-3 * 86_400)).toBe(`at -259200 accepted`);
    expect(await at(-3 * 86_400 + 1)).toBe(`at -259199 delegation_mismatch`);
  });

  describe('hostile quantities', () => {
    it.each<[string, string]>([
      ['a float', '{"tokens":1.5}'],
      ['a whole number', '{"tokens":1}'],
      ['an overflow', '{"tokens":1e400}'],
      ['null', '{"tokens":null}'],
      ['a list', '{"tokens":["1"]}'],
      ['NaN', '{"tokens":"NaN"}'],
      ['Infinity', '{"tokens":"Infinity"}'],
      ['an exponent', '{"tokens":"1e3"}'],
      ['hexadecimal', '{"tokens":"0x10"}'],
      ['negative', '{"tokens":"-1"}'],
      ['a plus sign', '{"tokens":"+1"}'],
      ['19 digits', `{"tokens":"${'9'.repeat(19)}"}`],
      ['10 places', '{"tokens":"0.0000000001"}'],
      ['leading zeros', '{"tokens":"01"}'],
      ['no whole part', '{"tokens":".5"}'],
      ['no fraction after the point', '{"tokens":"1."}'],
      ['a comma', '{"tokens":"1,5"}'],
      ['white space', '{"tokens":" 1"}'],
      ['a line feed at the end', '{"tokens":"1\\n"}'],
      ['other digits', '{"tokens":"١"}'],
      ['empty', '{"tokens":""}'],
      ['a megabyte of digits', `{"tokens":"${'1'.repeat(1_000_000)}"}`],
      ['no meter', '{}'],
      ['no object', '["tokens"]'],
      ['21 meters', JSON.stringify(Object.fromEntries(Array.from({ length: 21 }, (_, n) => [`m${n}`, '1'])))],
      ['a capital in a meter', '{"Tokens":"1"}'],
      ['__proto__ alone', '{"__proto__":"1"}'],
      ['__proto__ beside a good one', '{"tokens":"1","__proto__":"1"}'],
      ['__proto__ as an object', '{"tokens":"1","__proto__":{"pages":"1"}}'],
      ['hasOwnProperty', '{"hasOwnProperty":"1"}'],
    ])('are refused, and nothing of them is kept: %s', async (_, text) => {
      const event = world.event({ id: 'e1' }, { data: { quantities: JSON.parse(text) as never } });
      const [result] = await world.billing.ingest('skyways', [event, world.event({ id: 'e2' })]);
      expect(result).toMatchObject({ id: 'e1', status: 'rejected', reason: 'invalid_event' });
      expect(result?.detail?.length).toBeLessThanOrEqual(300);
      expect(await usageOf(world, 'tokens')).toEqual(['1', 1]);
      expect(await quarantine()).toEqual([]);
    });

    it.each(['constructor', 'valueof', 'tostring', 'prototype'])('%s is only a name', async (meter) => {
      expect(await one(world.event({ id: 'e1', quantities: { [meter]: '1' } }))).toBe('e1 unknown_meter');
      await world.billing.meters.define(
        { key: meter, unit: 'x', aggregation: 'sum', authority: 'provider' },
        operator,
      );
      expect(await one(world.event({ id: 'e2', quantities: { [meter]: '1' } }))).toBe('e2 accepted');
      expect(await usageOf(world, meter)).toEqual(['1', 1]);
    });

    it.each([
      ['__proto__', '{"__proto__":"x"}'],
      ['__proto__ as an object', '{"a":"x","__proto__":{"b":"y"}}'],
      ['a number', '{"a":1}'],
      ['too long', `{"a":"${'x'.repeat(129)}"}`],
      [
        '11 of them',
        JSON.stringify(Object.fromEntries(Array.from({ length: 11 }, (_, n) => [`d${n}`, '1']))),
      ],
    ])('dimensions are as strict: %s', async (_, text) => {
      const data = { quantities: { tokens: '1' }, dimensions: JSON.parse(text) as never };
      expect(await one(world.event({ id: 'e1' }, { data }))).toBe('e1 invalid_event');
    });

    it.each(['0', '0.000000001', '999999999999999999.999999999'])('%s is as far as it goes', async (text) => {
      expect(await one(world.event({ id: 'e1', quantities: { tokens: text } }))).toBe('e1 accepted');
      expect(await usageOf(world, 'tokens')).toEqual([text, 1]);
    });

    it('are added exactly, where floats would not', async () => {
      const events = Array.from({ length: 10 }, (_, n) =>
        world.event({ id: `e${n}`, quantities: { tokens: '0.1' } }),
      );
      await ingest(world, events);
      expect(await usageOf(world, 'tokens')).toEqual(['1', 10]);
    });
  });

  describe('quarantine', () => {
    it('keeps what was said, for the provider’s eyes, once however often it is said', async () => {
      const event = world.event({ id: 'e1' }, { tenantid: 'globex' });
      for (let turn = 0; turn < 3; turn++) await ingest(world, [event, event]);
      const kept = await everything((page) => world.billing.quarantined('skyways', page));
      expect(kept).toEqual([
        { id: 'e1', provider: 'skyways', reason: 'delegation_mismatch', at: world.clock.now(), event },
      ]);
      expect(await quarantine('cloudly')).toEqual([]);
      expect(await quarantine('skyway')).toEqual([]);
    });

    it('forgets after 90 days', async () => {
      await ingest(world, [world.event({ id: 'e1' }, { tenantid: 'globex' })]);
      world.clock.advance(90 * day - 1000);
      expect(await quarantine()).toEqual(['e1 delegation_mismatch']);
      world.clock.advance(1000);
      expect(await quarantine()).toEqual([]);
    });

    it('takes a whole batch that is wrong', async () => {
      const events = Array.from({ length: 1000 }, (_, n) =>
        world.event({ id: `e${n}` }, { tenantid: 'globex' }),
      );
      await ingest(world, events);
      expect(await quarantine()).toHaveLength(1000);
    });
  });
});
