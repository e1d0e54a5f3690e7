import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { wrongFields } from '../tenancy/surface.ts';
import { openShop, type Shop } from './shop.ts';
import { day } from './world.ts';

describe.each(engines)('usage routes on $name', (engine) => {
  let shop: Shop;
  beforeEach(async () => {
    shop = await openShop(engine);
  });
  afterEach(() => shop.world.dispose());

  const get: Shop['get'] = (...request) => shop.get(...request);
  const items: Shop['items'] = (...request) => shop.items(...request);

  describe('a question about usage', () => {
    it.each([
      ['tenant=acme&meter=tokens', ['cloudly/notes 4', 'skyways/flights 2']],
      ['agent=skyways/flights', ['skyways/flights 5']],
      ['from=2026-01-15&to=2026-01-16', ['cloudly/notes 4', 'skyways/flights 5']],
      ['from=2026-01-16&to=2026-01-17', []],
      [
        'from=2026-01-15T13:00:00%2B01:00&to=2026-01-15T12:00:00.001Z',
        ['cloudly/notes 4', 'skyways/flights 5'],
      ],
      ['to=2026-01-15T12:00:00Z', []],
    ])('%s', async (query, rows) => {
      const found = await items(`/v1/usage?${query}`);
      expect(found.map(({ agent, quantity }) => `${String(agent)} ${String(quantity)}`)).toEqual(rows);
    });

    it('may be one of windows and kinds', async () => {
      expect(await items('/v1/usage?window=hour&groupBy=kind,tenant&provider=skyways&tenant=acme')).toEqual([
        {
          window: '2026-01-15T12:00:00Z',
          tenant: 'acme',
          kind: 'reported',
          meter: 'tokens',
          quantity: '2',
          events: 1,
        },
      ]);
    });

    it('of a tenant takes the same filters', async () => {
      const found = await items(
        '/v1/tenants/acme/usage?provider=cloudly&window=month&groupBy=provider',
        'acme',
      );
      expect(found).toEqual([
        { window: '2026-01-01T00:00:00Z', provider: 'cloudly', meter: 'tokens', quantity: '4', events: 1 },
      ]);
    });

    it('is about this month until now when no time is asked for', async () => {
      shop.world.clock.advance(20 * day);
      expect(await items('/v1/usage')).toEqual([]);
      expect(await items('/v1/usage?from=2026-01-01')).toHaveLength(2);
    });

    it.each([
      ['from=yesterday', 'from'],
      ['to=2026-02-30', 'to'],
      ['window=year', 'window'],
      ['groupBy=tenant,colour', 'groupBy.1'],
      ['agent=flights', 'agent'],
      ['tenant=ACME', 'tenant'],
    ])('that makes no sense is refused: %s', async (query, field) => {
      expect(wrongFields(await get(`/v1/usage?${query}`))).toEqual([field]);
    });
  });
});
