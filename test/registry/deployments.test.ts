import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import { refusal, trail } from '../tenancy/watched-store.ts';
import { cardAt, endpoint } from './cards.ts';
import { by, openRegistry, operator, type RegistryWorld } from './setup.ts';

const id = 'skyways/flights';
const second = { id: 'eu', model: 'pooled', url: 'https://eu.skyways.example/rpc' } as const;

describe.each(engines)('deployments on $name', (engine) => {
  let world: RegistryWorld;
  let registry: RegistryWorld['registry'];
  beforeEach(async () => {
    world = await openRegistry(engine);
    ({ registry } = world);
    await world.flights();
  });
  afterEach(() => world.dispose());

  const refused = (attempt: () => Promise<unknown>) => refusal(world.store, attempt);
  const add = (
    changes: Partial<Parameters<typeof registry.addDeployment>[1]> = {},
    update: { readonly by: typeof operator; readonly version?: string } = by,
  ) => registry.addDeployment(id, { ...second, ...changes }, update);
  const current = async () => (await registry.readAgent(id, operator)).agent;
  const lastEntry = async () => (await trail(world.audit)).at(-1);

  describe('adding', () => {
    it('puts it beside the others, claims its resource, and is audited', async () => {
      world.clock.advance(1000);
      const made = await add({ region: 'eu-west-1' });
      expect(made).toEqual({
        ...second,
        region: 'eu-west-1',
        resource: second.url,
        weight: 100,
        protocolVersion: '1.0',
        state: 'active',
      });
      const agent = await current();
      expect(agent.deployments.map((deployment) => deployment.id)).toEqual(['default', 'eu']);
      expect(agent.deployments[1]).toEqual(made);
      expect(agent.updatedAt).toBe(world.clock.now());
      expect(await registry.findResource(second.url)).toMatchObject({ agentId: id, deploymentId: 'eu' });
      expect(await lastEntry()).toEqual({
        action: 'agent.deploy',
        outcome: 'allowed',
        actor: 'operator',
        provider: 'skyways',
        agent: id,
        detail: { deployment: 'eu', resource: second.url },
      });
    });

    it('keeps all that was given', async () => {
      const given = {
        model: 'siloed',
        tenant: 'acme',
        upstreamTenant: 'lane-9',
        resource: 'urn:skyways:acme',
        weight: 7,
      } as const;
      expect(await add(given)).toMatchObject(given);
      expect(await registry.findResource(second.url)).toBeUndefined();
      expect(await registry.findResource('urn:skyways:acme')).toMatchObject({ agentId: id });
    });

    it('may share the resource of its own agent, whose first owner stays', async () => {
      await add({ resource: endpoint });
      expect((await current()).deployments[1]?.resource).toBe(endpoint);
      expect(await registry.findResource(endpoint)).toMatchObject({ deploymentId: 'default' });
    });

    it.each([
      ['an id that is taken', 'deployment_exists', { id: 'default' }],
      ['a siloed one without tenant', 'invalid_request', { model: 'siloed' }],
      ['a pooled one with a tenant', 'invalid_request', { tenant: 'acme' }],
      ['another agent’s resource, as its URL', 'resource_taken', { url: 'https://globex.example/rpc' }],
      ['another agent’s resource, by name', 'resource_taken', { resource: 'https://globex.example/rpc' }],
    ] as const)('refuses %s', async (_, code, changes) => {
      await registry.admitProvider({ id: 'globex', name: 'Globex' }, operator);
      const card = JSON.stringify(cardAt('https://globex.example/rpc'));
      await registry.registerAgent('globex', { id: 'flights', card }, operator);
      expect((await refused(() => add(changes))).code).toBe(code);
      expect((await current()).deployments).toHaveLength(1);
    });

    it('refuses an agent that does not exist', async () => {
      const attempt = () => registry.addDeployment('skyways/none', second, by);
      expect((await refused(attempt)).code).toBe('not_found');
      expect(await registry.findResource(second.url)).toBeUndefined();
    });

    it('stops at fifty', async () => {
      for (let index = 1; index < 50; index++) await add({ id: `d${index}`, resource: endpoint });
      expect((await refused(() => add())).code).toBe('invalid_request');
      expect((await current()).deployments).toHaveLength(50);
    });

    it('takes the version that was read, and no older one', async () => {
      const { version } = await registry.readAgent(id, operator);
      await add({}, { by: operator, version });
      const late = () => add({ id: 'late', url: 'https://late.example' }, { by: operator, version });
      expect((await refused(late)).code).toBe('precondition_failed');
      expect(await registry.findResource('https://late.example')).toBeUndefined();
    });

    it('claims nothing when somebody was faster with the agent', async () => {
      world.store.beforeNextCommit(() => registry.moveAgent(id, 'publish', undefined, by));
      await expect(add()).rejects.toMatchObject({ code: 'conflict' });
      expect(await registry.findResource(second.url)).toBeUndefined();
      expect(await current()).toMatchObject({ status: 'published', deployments: [{ id: 'default' }] });
      expect((await lastEntry())?.action).toBe('agent.publish');
    });

    it('gives way when another agent claimed the resource meanwhile', async () => {
      world.store.beforeNextCommit(() =>
        registry.registerAgent('skyways', { id: 'b', card: JSON.stringify(cardAt(second.url)) }, operator),
      );
      await expect(add()).rejects.toMatchObject({ code: 'conflict' });
      expect((await current()).deployments).toHaveLength(1);
      expect(await registry.findResource(second.url)).toMatchObject({ agentId: 'skyways/b' });
    });
  });

  describe('changing', () => {
    const change = (
      changes: Parameters<typeof registry.changeDeployment>[2],
      deployment = 'default',
      update: { readonly by: typeof operator; readonly version?: string } = by,
    ) => registry.changeDeployment(id, deployment, changes, update);

    it.each([
      { state: 'draining' },
      { state: 'down' },
      { weight: 1 },
      { region: 'eu-west-1' },
      { state: 'active', weight: 1000, region: 'us-east-1' },
    ] as const)('to %j leaves the rest as it was, and is audited', async (changes) => {
      await add();
      const [first, other] = (await current()).deployments;
      const changed = await change(changes);
      expect(changed).toEqual({ ...first, ...changes });
      expect((await current()).deployments).toEqual([changed, other]);
      expect(await lastEntry()).toEqual({
        action: 'agent.redeploy',
        outcome: 'allowed',
        actor: 'operator',
        provider: 'skyways',
        agent: id,
        detail: { deployment: 'default', state: changed.state, weight: changed.weight },
      });
    });

    it('finds only what is there', async () => {
      expect((await refused(() => change({ weight: 1 }, 'none'))).code).toBe('not_found');
      const elsewhere = () => registry.changeDeployment('skyways/none', 'default', { weight: 1 }, by);
      expect((await refused(elsewhere)).code).toBe('not_found');
    });

    it('takes the version that was read, and gives way to somebody who was faster', async () => {
      const { version } = await registry.readAgent(id, operator);
      world.store.beforeNextCommit(() => change({ weight: 2 }));
      await expect(change({ weight: 3 })).rejects.toMatchObject({ code: 'conflict' });
      const late = () => change({ weight: 3 }, 'default', { by: operator, version });
      expect((await refused(late)).code).toBe('precondition_failed');
      expect((await current()).deployments[0]?.weight).toBe(2);
    });
  });
});
