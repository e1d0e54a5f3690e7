import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { outcome, wrongFields } from '../tenancy/surface.ts';
import { perUnit } from './books.ts';
import { clients, openShop, type Shop } from './shop.ts';

const plan = { key: 'gold', currency: 'EUR', prices: [perUnit('tokens', '0.5')] };
const terms = { commissionBps: 1000, currency: 'USD', from: '2026-02' };

describe.each(engines)('who sees and does what in billing, on $name', (engine) => {
  let shop: Shop;
  beforeEach(async () => {
    shop = await openShop(engine);
  });
  afterEach(() => shop.world.dispose());

  const call: Shop['call'] = (...request) => shop.call(...request);
  const get: Shop['get'] = (...request) => shop.get(...request);
  const items: Shop['items'] = (...request) => shop.items(...request);

  describe('who may do what', () => {
    const operatorOnly = [
      ['POST', '/v1/meters', { key: 'm', aggregation: 'sum', unit: 'x' }],
      ['POST', '/v1/plans', plan],
      ['POST', '/v1/providers/skyways/contracts', terms],
      ['GET', '/v1/billing/periods', undefined],
      ['GET', '/v1/billing/periods/2026-01', undefined],
      ['GET', '/v1/billing/periods/2026-01/close', undefined],
      ['GET', '/v1/billing/periods/2026-01/journal', undefined],
      ['POST', '/v1/billing/periods/2026-01/close', { early: true }],
    ] as const;
    const owned = [
      ['/v1/tenants/acme/usage', 'acme'],
      ['/v1/tenants/acme/invoices', 'acme'],
      ['/v1/tenants/acme/invoices/draft', 'acme'],
      ['/v1/usage?tenant=acme', 'acme'],
      ['/v1/invoices?tenant=acme', 'acme'],
      ['/v1/usage?provider=skyways', 'skyways'],
      ['/v1/usage/quarantine?provider=skyways', 'skyways'],
      ['/v1/providers/skyways/contracts', 'skyways'],
      ['/v1/settlements?provider=skyways', 'skyways'],
    ] as const;
    const peers = { acme: 'globex', skyways: 'cloudly' } as const;
    const strangers = { acme: 'skyways', skyways: 'acme' } as const;
    const open = ['/v1/meters', '/v1/plans', '/v1/plans/basic'] as const;
    const all: readonly (readonly [method: string, path: string, body: unknown])[] = [
      ...operatorOnly,
      ...owned.map(([path]) => ['GET', path, undefined] as const),
      ...open.map((path) => ['GET', path, undefined] as const),
    ];

    it.each(all)('%s %s needs a valid token', async (method, path, body) => {
      const answers = [await call(method, path, { body }), await call(method, path, { body, as: 'forged' })];
      expect(answers.map(outcome)).toEqual(['401 unauthorized', '401 unauthorized']);
    });

    it.each(operatorOnly)('%s %s is the operator’s', async (method, path, body) => {
      for (const as of ['skyways', 'acme'])
        expect(outcome(await call(method, path, { body, as }))).toBe('403 forbidden');
      expect((await call(method, path, { body, as: 'operator' })).status).toBeLessThan(300);
    });

    it.each(owned)('GET %s is the operator’s and %s’s', async (path, owner) => {
      // Of usage a provider may ask for one tenant's, and a tenant for one provider's: it sees its own part.
      const strangersToo = path.startsWith('/v1/usage?') ? [] : [strangers[owner]];
      for (const as of [peers[owner], ...strangersToo, `${owner}-none`])
        expect(`${as} ${outcome(await get(path, as))}`).toBe(`${as} 403 forbidden`);
      for (const as of ['operator', owner]) expect(outcome(await get(path, as))).toBe('200');
    });

    it.each(open)('GET %s is everybody’s who has a token', async (path) => {
      for (const as of Object.keys(clients)) expect(outcome(await get(path, as))).toBe('200');
    });

    it.each(['operator', 'acme', 'skyways-none'])('usage is not reported by %s', async (as) => {
      const headers = { 'Content-Type': 'application/cloudevents+json' };
      const answer = await call('POST', '/v1/usage/events', {
        as,
        body: shop.world.event({ id: 'x' }),
        headers,
      });
      expect(outcome(answer)).toBe('403 forbidden');
    });
  });

  describe('what a party sees without asking for it is its own', () => {
    beforeEach(() => shop.closeJanuary());

    it.each([
      ['acme', '/v1/usage?groupBy=tenant,agent', ['acme cloudly/notes 4', 'acme skyways/flights 2']],
      ['skyways', '/v1/usage?groupBy=tenant,agent', ['acme skyways/flights 2', 'globex skyways/flights 3']],
      ['cloudly', '/v1/usage?groupBy=tenant,agent', ['acme cloudly/notes 4']],
      ['acme', '/v1/usage?provider=skyways&groupBy=tenant,agent', ['acme skyways/flights 2']],
      ['skyways', '/v1/usage?tenant=globex&groupBy=tenant,agent', ['globex skyways/flights 3']],
      ['skyways', '/v1/usage?agent=cloudly/notes&groupBy=tenant,agent', []],
    ])('%s: %s', async (as, path, rows) => {
      expect(
        (await items(path, as)).map(({ tenant, agent, quantity }) => [tenant, agent, quantity].join(' ')),
      ).toEqual(rows);
    });

    it('of invoices', async () => {
      expect((await items('/v1/invoices', 'acme')).map(({ tenant }) => tenant)).toEqual(['acme', 'acme']);
      expect((await items('/v1/invoices', 'globex')).map(({ tenant }) => tenant)).toEqual(['globex']);
      expect(outcome(await get('/v1/invoices', 'skyways'))).toBe('403 forbidden');
    });

    it('of settlements', async () => {
      expect((await items('/v1/settlements', 'cloudly')).map(({ provider }) => provider)).toEqual([
        'cloudly',
      ]);
      expect(outcome(await get('/v1/settlements', 'acme'))).toBe('403 forbidden');
    });

    it('of the quarantine', async () => {
      await shop.world.billing.ingest('skyways', [
        shop.world.event({ id: 'q', quantities: { nonsense: '1' } }),
      ]);
      expect((await items('/v1/usage/quarantine', 'skyways')).map(({ id }) => id)).toEqual(['q']);
      expect(await items('/v1/usage/quarantine', 'cloudly')).toEqual([]);
      for (const as of ['operator', 'acme'])
        expect(wrongFields(await get('/v1/usage/quarantine', as))).toEqual(['provider']);
    });

    it.each([
      ['invoices', 'acme', ['operator', 'acme']],
      ['settlements', 'skyways', ['operator', 'skyways']],
    ])('and somebody else’s of the %s looks like none at all', async (kind, owner, readers) => {
      const [{ id } = {}] = await items(`/v1/${kind}`, owner);
      const unknown = await get(`/v1/${kind}/inv_unknown`, 'acme');
      for (const as of ['operator', ...Object.keys(clients).filter((name) => !name.endsWith('-none'))]) {
        const answer = await get(`/v1/${kind}/${String(id)}`, as);
        const isReader = readers.includes(as);
        expect(isReader ? answer.json['id'] : answer.text).toBe(isReader ? id : unknown.text);
      }
      expect(outcome(await get(`/v1/${kind}/${String(id)}`, 'acme-none'))).toBe('403 forbidden');
    });
  });
});
