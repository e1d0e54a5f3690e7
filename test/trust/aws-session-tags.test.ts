import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { refusal as faultOf } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addTenant,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  subscribe,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

const by = { by: operator };
const claim = 'https://aws.amazon.com/tags';
const ofAcme = { principal_tags: { tenant: ['acme'] }, transitive_tag_keys: ['tenant'] };

describe.each(engines.filter(({ name }) => name === 'memory'))('session tags for AWS', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  const get = async (tenant: CastTenant, form: Record<string, string>) =>
    exchange(world, tenant.app, await tenant.idToken(), form);
  const direct = async (tenant = acme) => claimsOf(world, await get(tenant, { resource: flights.resource }));
  const setTags = (awsSessionTags: boolean) =>
    world.registry.changeDeployment(flights.id, 'default', { awsSessionTags }, by);
  /** What the gateway makes of a caller's token, for the agent. */
  const upstream = async () => {
    const { access_token } = await get(acme, { audience: flights.id });
    const call = await world.trust.verifyCallToken(access_token, flights.id, undefined);
    if (!call.ok) throw new Error(call.error);
    const standing = await world.trust.checkStanding(call.value);
    if (!standing.ok) throw new Error(standing.error);
    const [deployment] = standing.value.agent.deployments;
    if (deployment === undefined) throw new Error('no deployment');
    const { token } = await world.trust.upstreamToken(call.value, standing.value, deployment);
    return claimsOf(world, { access_token: token, token_type: 'Bearer', expires_in: 0, scope: '' });
  };

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    await subscribe(world, acme, flights);
  });
  afterEach(() => world.dispose());

  it('are in no token unless the provider asks', async () => {
    expect(await direct()).not.toHaveProperty([claim]);
    expect(await upstream()).not.toHaveProperty([claim]);
  });

  it('name the tenant of the token, for the agent and for it alone, as AWS wants them', async () => {
    await setTags(true);
    expect((await direct())[claim]).toEqual(ofAcme);
    expect((await upstream())[claim]).toEqual(ofAcme);
    const globex = await addTenant(world, 'globex');
    await subscribe(world, globex, flights);
    expect((await direct(globex))[claim]).toMatchObject({ principal_tags: { tenant: ['globex'] } });
    const forGateway = await claimsOf(world, await get(acme, { audience: flights.id }));
    expect(forGateway).not.toHaveProperty([claim]);
  });

  it('are for the deployments that asked, not for others of the agent', async () => {
    const url = 'https://other.skyways.example/rpc';
    const other = { id: 'other', model: 'pooled', url } as const;
    await world.registry.addDeployment(flights.id, { ...other, awsSessionTags: true }, by);
    expect(await direct()).not.toHaveProperty([claim]);
    expect((await claimsOf(world, await get(acme, { resource: url })))[claim]).toEqual(ofAcme);
  });

  it('end with the next token when they are not wanted any more', async () => {
    await setTags(true);
    await setTags(false);
    expect(await direct()).not.toHaveProperty([claim]);
  });

  it('are refused for a resource that AWS could not take as an audience', async () => {
    const url = `https://long.example/${'x'.repeat(240)}`;
    const long = { id: 'long', model: 'pooled', url, awsSessionTags: true } as const;
    const fault = await faultOf(world.store, () => world.registry.addDeployment(flights.id, long, by));
    expect(fault.code).toBe('invalid_request');
    await world.registry.addDeployment(flights.id, { ...long, awsSessionTags: false }, by);
    const change = () => world.registry.changeDeployment(flights.id, 'long', { awsSessionTags: true }, by);
    expect((await faultOf(world.store, change)).code).toBe('invalid_request');
  });
});
