import { trustRoutes } from '../../src/trust/routes.ts';
import type { TestEngine } from '../support/stores.ts';
import { type Answer, type Call, client, surface } from '../tenancy/surface.ts';
import { addAgent, addTenant } from './cast.ts';
import { brokerUrl, openTrust, type TrustWorld } from './world.ts';

export interface TrustSurface {
  readonly world: TrustWorld;
  readonly call: Call;
  readonly asOperator: (
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ) => Promise<Answer>;
}

/** The room's routes, for a tenant `acme`, agents `skyways/flights` and `northpay/payments`, and programs of them. */
export async function openSurface(engine: TestEngine): Promise<TrustSurface> {
  const world = await openTrust(engine);
  await addTenant(world, 'acme');
  await addAgent(world, 'skyways/flights');
  await addAgent(world, 'northpay/payments');
  const { trust, keys, registry } = world;
  const call = surface(trustRoutes(trust, { brokerUrl, keys, registry }), {
    acme: client('tenant:acme', 'trust:read', 'trust:write'),
    'acme-reader': client('tenant:acme', 'trust:read'),
    'acme-other': client('tenant:acme', 'usage:read'),
    skyways: client('provider:skyways', 'trust:read', 'trust:write'),
  });
  return {
    world,
    call,
    asOperator: (method, path, body, headers = {}) => call(method, path, { as: 'operator', body, headers }),
  };
}
