import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/market.ts';
import { openUsageStage, type UsageStage } from './usage-stage.ts';

let stage: UsageStage;
beforeAll(async () => {
  stage = await openUsageStage();
});
afterAll(() => stage.close());

const mismatch = 'delegation_mismatch';

describe('quantities that are none', () => {
  it.each([
    ['negative', '-1'],
    ['with an exponent', '1e6'],
    ['infinite', 'Infinity'],
    ['not a number', 'NaN'],
    ['hexadecimal', '0x10'],
    ['with a comma', '1,000'],
    ['too large', '9'.repeat(19)],
    ['too fine', '0.0000000001'],
    ['empty', ''],
    ['in other digits', '１２'],
    ['a number', 10],
    ['a list', ['10']],
    ['null', null],
  ])('%s', async (_, tokens) => {
    expect(await stage.rejection({ data: { quantities: { tokens } } })).toBe('422 invalid_event');
  });

  it.each([
    ['none at all', { quantities: {} }],
    [
      'two hundred',
      { quantities: Object.fromEntries(Array.from({ length: 200 }, (_, n) => [`m${n}`, '1'])) },
    ],
    ['an unknown member', { quantities: { tokens: '1' }, price: '0.01' }],
    ['a list', [{ quantities: { tokens: '1' } }]],
  ])('%s', async (_, data) => {
    expect(await stage.rejection({ data })).toBe('422 invalid_event');
  });

  it('under a name that objects inherit', async () => {
    const { results } = await stage.report(JSON.stringify(stage.event()).replace('"tokens"', '"__proto__"'));
    expect(results[0]).toMatchObject({ status: 'rejected', reason: 'invalid_event' });
  });
});

describe('batches', () => {
  it('of a thousand and one, of 2 MB, and what is no batch are refused whole', async () => {
    const before = await stage.sumOf('tokens');
    const many = Array.from({ length: 1001 }, () => stage.event());
    expect((await stage.report(many)).status).toBe(413);
    expect((await stage.report([stage.event({ callid: 'x'.repeat(2_000_000) })])).status).toBe(413);
    expect((await stage.report('[')).status).toBe(400);
    expect(await stage.sumOf('tokens')).toBe(before);
  });

  it('mix good and bad without one deciding over the other', async () => {
    const good = stage.event();
    const { results } = await stage.report([
      stage.event({ tenantid: 'globex' }),
      good,
      good,
      stage.event({ source: 'urn:x' }),
      null,
      [stage.event()],
    ]);
    expect(results.map(({ status, reason }) => reason ?? status)).toEqual([
      mismatch,
      'accepted',
      'duplicate',
      'source_not_yours',
      'invalid_event',
      'invalid_event',
    ]);
  });

  it('leave what was rejected with the provider that sent it, and show it to no other', async () => {
    const odd = stage.event({ tenantid: 'globex', id: 'only-skyways-sees-this' });
    await stage.report(odd);
    const own = await call<object>(
      { url: stage.url, token: stage.reporters.skyways },
      'GET',
      '/v1/usage/quarantine?provider=skyways&limit=200',
    );
    expect(JSON.stringify(own)).toContain('only-skyways-sees-this');
    const others = { url: stage.url, token: stage.reporters.lodging };
    const theirs = await call<object>(others, 'GET', '/v1/usage/quarantine?provider=lodging');
    expect(JSON.stringify(theirs)).not.toContain('only-skyways-sees-this');
    await expect(call(others, 'GET', '/v1/usage/quarantine?provider=skyways')).rejects.toThrow('403');
  });
});
