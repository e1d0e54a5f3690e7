import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addTenant,
  agree,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  passOn,
  refusal,
  subscribe,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

const by = { by: operator };

describe.each(engines)('what a token is for, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  const hop = async (form: Record<string, string>, tenant: CastTenant = acme) =>
    exchange(world, tenant.app, await tenant.idToken(), form);
  const audienceOf = async (form: Record<string, string>, tenant?: CastTenant) =>
    (await claimsOf(world, await hop(form, tenant))).aud;

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme', { region: 'eu-west-1', residency: ['eu-west-1'] });
    flights = await addAgent(world, 'skyways/flights', { region: 'eu-west-1' });
    await subscribe(world, acme, flights);
  });
  afterEach(() => world.dispose());

  it('an agent by its name or its brokered address is called through the gateway', async () => {
    const brokered = `${brokerUrl}/a2a/skyways/flights`;
    expect(await audienceOf({ audience: flights.id })).toBe(brokered);
    expect(await audienceOf({ resource: brokered })).toBe(brokered);
    expect(await audienceOf({ resource: brokered, audience: flights.id })).toBe(brokered);
  });

  it('a deployment by its own resource is called directly', async () => {
    expect(await audienceOf({ resource: flights.resource })).toBe(flights.resource);
    expect(await audienceOf({ resource: flights.resource, audience: flights.id })).toBe(flights.resource);
  });

  it('a token for the deployment does not work at the gateway, nor the other way round', async () => {
    const direct = await hop({ resource: flights.resource });
    const refused = await world.trust.verifyCallToken(direct.access_token, flights.id);
    expect(refused).toEqual({ ok: false, error: 'token_audience_wrong' });
    const through = await hop({ audience: flights.id });
    expect((await world.trust.verifyCallToken(through.access_token, flights.id)).ok).toBe(true);
    expect(await world.trust.verifyCallToken(through.access_token, 'skyways/other')).toEqual({
      ok: false,
      error: 'token_audience_wrong',
    });
  });

  it('a token that was used directly can be passed on by its agent', async () => {
    const payments = await addAgent(world, 'northpay/payments', { region: 'eu-west-1' });
    await subscribe(world, acme, payments);
    await agree(world, flights, payments);
    const direct = await hop({ resource: flights.resource });
    const onward = await passOn(world, flights, direct, { resource: payments.resource });
    expect(await claimsOf(world, onward)).toMatchObject({
      aud: payments.resource,
      act: { sub: 'skyways-flights', act: { sub: 'acme-app' } },
    });
  });

  it('something there must be', async () => {
    expect(await refusal(hop({}))).toBe('invalid_request target_missing');
  });

  it.each([
    ['an unknown resource', { resource: 'https://nobody.example/rpc' }],
    ['a registered resource with a fragment', { resource: 'https://skyways.example/flights/rpc#x' }],
    ['a registered resource and more', { resource: 'https://skyways.example/flights/rpc/' }],
    ['the gateway’s own endpoint of the agent', { resource: `${brokerUrl}/a2a/skyways/flights/jsonrpc` }],
    ['the brokered address with a slash', { resource: `${brokerUrl}/a2a/skyways/flights/` }],
    ['a pattern', { audience: 'skyways/*' }],
    ['a name that is none', { audience: 'https://skyways.example' }],
    ['an overlong resource', { resource: `https://skyways.example/${'x'.repeat(512)}` }],
    ['the broker itself', { resource: brokerUrl }],
    ['an agent that does not exist', { audience: 'skyways/none' }],
    [
      'a resource of one agent and the name of another',
      { audience: 'skyways/none', resource: 'https://skyways.example/flights/rpc' },
    ],
    [
      'a good name beside an unknown resource',
      { audience: 'skyways/flights', resource: 'https://x.example' },
    ],
  ])('%s is refused', async (_, form) => {
    expect(await refusal(hop(form))).toMatch(/^invalid_target /);
  });

  it('what is not there and what is not for the caller are told apart by nobody', async () => {
    await addAgent(world, 'skyways/trains');
    const drafts = await addAgent(world, 'skyways/drafts');
    await subscribe(world, acme, drafts);
    await world.registry.moveAgent(drafts.id, 'suspend', 'trouble', by);
    const messages = await Promise.all(
      ['skyways/none', 'skyways/trains', drafts.id, 'nobody/none'].map((audience) =>
        hop({ audience }).then(
          () => 'accepted',
          (error: unknown) => `${(error as { code: string }).code} ${(error as Error).message}`,
        ),
      ),
    );
    expect(new Set(messages).size).toBe(1);
    expect(messages[0]).toMatch(/^invalid_target /);
  });

  describe('of several deployments', () => {
    const silo = 'https://silo.skyways.example/rpc';
    const abroad = 'https://us.skyways.example/rpc';
    let globex: CastTenant;

    beforeEach(async () => {
      globex = await addTenant(world, 'globex');
      await subscribe(world, globex, flights);
      const home = { region: 'eu-west-1' } as const;
      await world.registry.addDeployment(
        flights.id,
        { id: 'silo', model: 'siloed', tenant: 'globex', url: silo, ...home },
        by,
      );
      await world.registry.addDeployment(
        flights.id,
        { id: 'abroad', model: 'pooled', region: 'us-east-1', url: abroad },
        by,
      );
    });

    it('a tenant’s silo is a target for that tenant alone', async () => {
      expect(await audienceOf({ resource: silo }, globex)).toBe(silo);
      expect(await refusal(hop({ resource: silo }))).toBe('invalid_target deployment_unavailable');
    });

    it('one outside of the tenant’s residency is no target for it', async () => {
      expect(await audienceOf({ resource: abroad }, globex)).toBe(abroad);
      expect(await refusal(hop({ resource: abroad }))).toBe('invalid_target deployment_unavailable');
    });

    it('one that is down is no target, one that drains still is: it has running tasks', async () => {
      await world.registry.changeDeployment(flights.id, 'silo', { state: 'draining' }, by);
      expect(await audienceOf({ resource: silo }, globex)).toBe(silo);
      await world.registry.changeDeployment(flights.id, 'silo', { state: 'down' }, by);
      expect(await refusal(hop({ resource: silo }, globex))).toBe('invalid_target deployment_unavailable');
    });

    it('those that share a resource are one target for whoever may use one of them', async () => {
      await world.registry.addDeployment(
        flights.id,
        {
          id: 'silo-2',
          model: 'siloed',
          tenant: 'acme',
          region: 'eu-west-1',
          url: `${silo}/2`,
          resource: silo,
        },
        by,
      );
      expect(await audienceOf({ resource: silo })).toBe(silo);
    });
  });
});
