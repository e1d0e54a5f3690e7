import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { canonicalJson } from '../../src/kernel/canonical-json.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { engines } from '../support/stores.ts';
import { outcome, wrongFields } from '../tenancy/surface.ts';
import { perUnit, report } from './books.ts';
import { openShop, type Shop } from './shop.ts';
import { day } from './world.ts';

const plan = { key: 'gold', currency: 'EUR', prices: [perUnit('tokens', '0.5')] };
const terms = { commissionBps: 1000, currency: 'USD', from: '2026-02' };

describe.each(engines)('billing routes on $name', (engine) => {
  let shop: Shop;
  beforeEach(async () => {
    shop = await openShop(engine);
  });
  afterEach(() => shop.world.dispose());

  const call: Shop['call'] = (...request) => shop.call(...request);
  const get: Shop['get'] = (...request) => shop.get(...request);
  const items: Shop['items'] = (...request) => shop.items(...request);

  describe('on the wire', () => {
    it('a draft has the lines that the invoice will have, and no number', async () => {
      const draft = await get('/v1/tenants/acme/invoices/draft', 'acme');
      expect(outcome(await get('/v1/tenants/acme/invoices/draft?period=2026-1'))).toBe('400 invalid_request');
      await shop.closeJanuary();
      const ids = (await items('/v1/tenants/acme/invoices', 'acme')).map(({ id }) => String(id));
      const invoices = await Promise.all(ids.map(async (id) => (await get(`/v1/invoices/${id}`)).json));
      expect(draft.json).toEqual({
        period: '2026-01',
        invoices: invoices.map(({ currency, total, lines }) => ({ currency, total, lines })),
        unpriced: [],
        unpricedCount: 0,
      });
      expect(outcome(await get('/v1/tenants/acme/invoices/draft?period=2026-01'))).toBe('409 conflict');
      expect((await get('/v1/tenants/acme/invoices/draft')).json).toMatchObject({ period: '2026-02' });
    });

    it('meters are defined once, and listed page by page after the broker’s own', async () => {
      const body = { key: 'seats', aggregation: 'max', unit: 'seats', authority: 'provider' };
      const define = (change = {}) =>
        call('POST', '/v1/meters', { as: 'operator', body: { ...body, ...change } });
      expect([await define(), await define()].map(({ status, json }) => [status, json])).toEqual([
        [201, body],
        [201, body],
      ]);
      expect(outcome(await define({ unit: 'chairs' }))).toBe('409 meter_exists');
      expect(outcome(await define({ key: 'calls' }))).toBe('409 meter_exists');
      expect(wrongFields(await define({ key: 'x', authority: 'broker' }))).toEqual(['/authority']);
      expect(wrongFields(await define({ aggregation: 'average', colour: 'red' }))).toEqual([
        '/aggregation',
        '',
      ]);

      const whole = (await items('/v1/meters')).map(({ key }) => key);
      expect(whole).toEqual([
        'calls',
        'tasks',
        'stream_events',
        'bytes_in',
        'bytes_out',
        'duration_ms',
        'pages',
        'seats',
        'tokens',
      ]);
      for (const limit of [1, 2, 4, 6, 7, 9, 200]) {
        const paged = [];
        let path: string | undefined = `/v1/meters?limit=${limit}`;
        while (path !== undefined) {
          const { json }: { json: Record<string, unknown> } = await get(path);
          const page = json['items'] as readonly { key: string }[];
          expect(page.length).toBeLessThanOrEqual(limit);
          paged.push(...page.map(({ key }) => key));
          const next = json['nextCursor'];
          path = typeof next === 'string' ? `/v1/meters?limit=${limit}&cursor=${next}` : undefined;
        }
        expect(paged).toEqual(whole);
      }
    });

    it('plans are defined once, read and listed', async () => {
      const define = (change = {}) =>
        call('POST', '/v1/plans', { as: 'operator', body: { ...plan, ...change } });
      const made = await define();
      expect([made.status, made.json]).toEqual([201, { ...plan, createdAt: '2026-01-15T12:00:00.000Z' }]);
      expect((await define()).json).toEqual(made.json);
      expect(outcome(await define({ currency: 'USD' }))).toBe('409 plan_exists');
      expect(outcome(await define({ key: 'x', prices: [perUnit('nonsense', '1')] }))).toBe(
        '422 unknown_meter',
      );
      const wrong = await define({ key: 'x', currency: 'XXX', prices: [perUnit('tokens', '-1')] });
      expect(wrongFields(wrong)).toEqual(['/currency', '/prices/0/unitAmount']);
      const shapeless = await define({ prices: [{ meter: 'tokens', model: 'free' }], extra: 1 });
      expect(wrongFields(shapeless)).toEqual(['/prices/0/model', '']);
      const read = await get('/v1/plans/gold', 'acme');
      expect(read.json).toEqual(made.json);
      expect(read.headers.get('ETag')).toMatch(/^"[\w-]{43}"$/);
      expect(outcome(await get('/v1/plans/none'))).toBe('404 not_found');
      expect((await items('/v1/plans?limit=2')).map(({ key }) => key)).toEqual(['basic', 'gold']);
    });

    it('contracts are agreed on once for each month, and listed page by page', async () => {
      const agree = (change = {}, provider = 'skyways') =>
        call('POST', `/v1/providers/${provider}/contracts`, {
          as: 'operator',
          body: { ...terms, ...change },
        });
      const made = await agree();
      expect([made.status, made.json]).toEqual([
        201,
        { id: 'skyways-usd-2026-02', provider: 'skyways', ...terms, createdAt: '2026-01-15T12:00:00.000Z' },
      ]);
      expect(outcome(await agree())).toBe('409 contract_exists');
      expect(outcome(await agree({}, 'nobody'))).toBe('422 unknown_provider');
      expect(wrongFields(await agree({ currency: 'XXX' }))).toEqual(['/currency']);
      expect(wrongFields(await agree({ commissionBps: 10_001, from: '2026-13' }))).toEqual([
        '/commissionBps',
        '/from',
      ]);
      await shop.closeJanuary();
      for (const from of ['2026-01', '2025-06'])
        expect(wrongFields(await agree({ from }))).toEqual(['/from']);
      await agree({ from: '2026-03' });
      const { json } = await get('/v1/providers/skyways/contracts?limit=1', 'skyways');
      expect((json['items'] as readonly { id: string }[]).map(({ id }) => id)).toEqual([
        'skyways-usd-2026-02',
      ]);
      const rest = await get(
        `/v1/providers/skyways/contracts?cursor=${String(json['nextCursor'])}`,
        'skyways',
      );
      expect(rest.json).toMatchObject({ items: [{ id: 'skyways-usd-2026-03' }] });
    });

    it('a month goes from open to closed, and says its sums', async () => {
      const path = '/v1/billing/periods/2026-01';
      expect((await get(path)).json).toEqual({ period: '2026-01', state: 'open' });
      expect(outcome(await call('POST', `${path}/close`, { as: 'operator' }))).toBe('409 period_not_over');
      expect(
        wrongFields(await call('POST', `${path}/close`, { as: 'operator', body: { soon: true } })),
      ).toEqual(['']);
      const closed = await shop.closeJanuary();
      expect([closed.status, closed.json]).toEqual([
        200,
        {
          period: '2026-01',
          state: 'closed',
          closingAt: '2026-01-15T12:00:00.000Z',
          events: 3,
          invoices: 3,
          settlements: 2,
          tieOut: [
            { currency: 'JPY', invoiced: '80', gross: '80', commission: '0', net: '80', ok: true },
            { currency: 'USD', invoiced: '7.50', gross: '7.50', commission: '0.00', net: '7.50', ok: true },
          ],
          unpriced: [],
          unpricedCount: 0,
        },
      ]);
      expect((await call('POST', `${path}/close`, { as: 'operator' })).json).toEqual(closed.json);
      for (const same of [path, `${path}/close`]) {
        const read = await get(same);
        expect(read.json).toEqual(closed.json);
        expect(read.headers.get('ETag')).toMatch(/^"[\w-]{43}"$/);
      }
      expect(await items('/v1/billing/periods')).toEqual([closed.json]);
      expect(outcome(await get('/v1/billing/periods/2026-1'))).toBe('400 invalid_request');
    });

    it('months are listed page by page', async () => {
      shop.world.clock.advance(20 * day);
      await report(shop.world, { id: 'february' });
      const first = await get('/v1/billing/periods?limit=1');
      expect(first.json).toMatchObject({ items: [{ period: '2026-01', state: 'grace' }] });
      const next = await get(`/v1/billing/periods?limit=1&cursor=${String(first.json['nextCursor'])}`);
      expect(next.json).toEqual({ items: [{ period: '2026-02', state: 'open' }] });
    });

    it('an invoice is what its hash says', async () => {
      await shop.closeJanuary();
      const [{ id } = {}] = await items('/v1/tenants/acme/invoices', 'acme');
      const { json, headers } = await get(`/v1/invoices/${String(id)}`, 'acme');
      const { contentHash, ...content } = json;
      expect(content).toEqual({
        id,
        number: 'INV-000001',
        tenant: 'acme',
        period: '2026-01',
        currency: 'JPY',
        total: '80',
        issuedAt: '2026-01-15T12:00:00.000Z',
        lines: [
          {
            provider: 'cloudly',
            agent: 'cloudly/notes',
            plan: 'notes',
            price: 0,
            meter: 'tokens',
            unit: 'tokens',
            chargePeriod: '2026-01',
            quantity: '4',
            events: 1,
            amount: '80',
          },
        ],
      });
      expect(contentHash).toBe(sha256(canonicalJson(content)));
      expect(headers.get('ETag')).toMatch(/^"[\w-]{43}"$/);
    });

    it('documents are listed without their lines, by month, page by page', async () => {
      await shop.closeJanuary();
      const { lines: _, ...header } = (
        await get(`/v1/invoices/${String((await items('/v1/invoices'))[0]?.['id'])}`)
      ).json;
      const first = await get('/v1/invoices?limit=1');
      expect(first.json['items']).toEqual([header]);
      const rest = await get(`/v1/invoices?limit=50&cursor=${String(first.json['nextCursor'])}`);
      expect((rest.json['items'] as readonly { tenant: string }[]).map(({ tenant }) => tenant)).toEqual([
        'acme',
        'globex',
      ]);
      expect(await items('/v1/invoices?period=2026-02')).toEqual([]);
      expect(await items('/v1/tenants/acme/invoices?period=2026-01')).toHaveLength(2);
      expect(await items('/v1/tenants/acme/invoices?period=2026-02')).toEqual([]);
      expect(await items('/v1/settlements?period=2026-02')).toEqual([]);
      expect(outcome(await get('/v1/invoices?cursor=nonsense!'))).toBe('400 invalid_request');
    });

    it('a settlement has the provider’s lines of all tenants, and nothing of other providers', async () => {
      await shop.closeJanuary();
      const [{ id, ...header } = {}] = await items('/v1/settlements?provider=skyways&period=2026-01');
      expect(header).toEqual({
        provider: 'skyways',
        period: '2026-01',
        currency: 'USD',
        commissionBps: 0,
        gross: '7.50',
        commission: '0.00',
        net: '7.50',
        issuedAt: '2026-01-15T12:00:00.000Z',
      });
      const { json } = await get(`/v1/settlements/${String(id)}`, 'skyways');
      const line = { agent: 'skyways/flights', meter: 'tokens', chargePeriod: '2026-01' };
      expect(json).toEqual({
        id,
        ...header,
        lines: [
          { ...line, tenant: 'acme', quantity: '2', amount: '3.00' },
          { ...line, tenant: 'globex', quantity: '3', amount: '4.50' },
        ],
      });
    });

    it('the journal sums to zero', async () => {
      await shop.closeJanuary();
      const entries = await items('/v1/billing/periods/2026-01/journal');
      expect(entries).toHaveLength(7);
      expect(
        entries.filter(({ currency }) => currency === 'USD').map(({ account, amount }) => [account, amount]),
      ).toEqual([
        ['receivable:tenant:acme', '3.00'],
        ['receivable:tenant:globex', '4.50'],
        ['payable:provider:skyways', '-7.50'],
        ['revenue:commission', '0.00'],
      ]);
    });
  });
});
