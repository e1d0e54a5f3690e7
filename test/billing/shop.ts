import { billingRoutes } from '../../src/billing/routes.ts';
import type { TestEngine } from '../support/stores.ts';
import { type Answer, type Call, client, surface } from '../tenancy/surface.ts';
import { perUnit, report, sell } from './books.ts';
import { newWorld, type World } from './world.ts';

const scopes = ['usage:read', 'usage:write', 'billing:read'] as const;

export const clients = {
  skyways: client('provider:skyways', ...scopes),
  cloudly: client('provider:cloudly', ...scopes),
  acme: client('tenant:acme', ...scopes),
  globex: client('tenant:globex', ...scopes),
  // Whoever owns it: a token without these scopes.
  'skyways-none': client('provider:skyways', 'registry:write'),
  'acme-none': client('tenant:acme', 'tenancy:write'),
};

export interface Shop {
  readonly world: World;
  readonly call: Call;
  get(path: string, as?: string): Promise<Answer>;
  items(path: string, as?: string): Promise<readonly Record<string, unknown>[]>;
  closeJanuary(): Promise<Answer>;
}

/** Billing behind its routes, in January, with usage of two tenants at two providers in two currencies. */
export async function openShop(engine: TestEngine): Promise<Shop> {
  const world = await newWorld(engine);
  const call = surface(
    billingRoutes(world.billing, () => world.clock.now()),
    clients,
  );
  await sell(world, 'basic', [perUnit('tokens', '1.5')], { tenants: ['acme', 'globex'] });
  await sell(world, 'notes', [perUnit('tokens', '20')], {
    tenants: ['acme'],
    agent: 'cloudly/notes',
    currency: 'JPY',
  });
  await report(
    world,
    { id: 'a', quantities: { tokens: '2' } },
    { id: 'b', tenant: 'globex', quantities: { tokens: '3' } },
    { id: 'c', agent: 'cloudly/notes', quantities: { tokens: '4' } },
  );
  const get = (path: string, as = 'operator') => call('GET', path, { as });
  return {
    world,
    call,
    get,
    items: async (path, as) => (await get(path, as)).json['items'] as readonly Record<string, unknown>[],
    closeJanuary: () =>
      call('POST', '/v1/billing/periods/2026-01/close', { as: 'operator', body: { early: true } }),
  };
}
