import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { engines } from '../support/stores.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import { refusal as faultOf, trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addTenant,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  subscribe,
} from './cast.ts';
import { anotherTrust, openTrust, operator, type TrustWorld } from './world.ts';

const bySkyways: Principal = { kind: 'client', clientId: 'sky-admin', owner: 'provider:skyways', scopes: [] };
const minute = 60_000;

describe.each(engines)('users as a provider knows them, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let payments: CastAgent;
  /** Before the next commit, once. */
  let meanwhile: (() => Promise<void>) | undefined;
  beforeEach(async () => {
    meanwhile = undefined;
    world = await openTrust(engine, {
      wrap: (store) => ({
        ...store,
        commit: async (writes) => {
          const happens = meanwhile;
          meanwhile = undefined;
          await happens?.();
          return store.commit(writes);
        },
      }),
    });
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, flights, payments);
  });
  afterEach(() => world.dispose());

  const tokenOf = async (user = 'user-1', agent = flights, at = world) =>
    exchange(at, acme.app, await acme.idToken({ sub: user }), { audience: agent.id });
  const claims = async (user?: string, agent?: CastAgent, at?: TrustWorld) =>
    claimsOf(world, await tokenOf(user, agent, at));
  const subOf = async (user?: string, agent?: CastAgent, at?: TrustWorld) =>
    String((await claims(user, agent, at)).sub);
  const link = (sub: string, audSub: string, provider = 'skyways') =>
    world.trust.linkUser({ provider, sub, audSub }, bySkyways);

  describe('by its own ids', () => {
    it('gets them although an exchange was under way for which the user was new there', async () => {
      meanwhile = async () => {
        await link(await subOf(), 'u-4711');
      };
      const late = await claims();
      expect(late['aud_sub']).toBe('u-4711');
      expect((await claims())['aud_sub']).toBe('u-4711');
      expect((await trail(world.audit)).filter(({ action }) => action === 'token.exchange')).toHaveLength(3);
    });

    it('gets them in tokens from the next one on, the relayed one too', async () => {
      const first = await claims();
      expect(first).not.toHaveProperty('aud_sub');
      const sub = String(first.sub);
      expect(await link(sub, 'u-4711')).toEqual({ provider: 'skyways', sub, audSub: 'u-4711' });
      const token = await tokenOf();
      expect(await claimsOf(world, token)).toMatchObject({ sub, aud_sub: 'u-4711' });
      const call = await world.trust.verifyCallToken(token.access_token, flights.id);
      if (!call.ok) throw new Error(call.error);
      const standing = await world.trust.checkStanding(call.value);
      if (!standing.ok) throw new Error(standing.error);
      const [deployment] = standing.value.agent.deployments;
      if (deployment === undefined) throw new Error('no deployment');
      const upstream = await world.trust.upstreamToken(call.value, standing.value, deployment);
      expect(await claimsOf(world, { ...token, access_token: upstream.token })).toMatchObject({
        sub,
        aud_sub: 'u-4711',
      });
      expect((await trail(world.audit)).find(({ action }) => action === 'user.link')).toEqual({
        action: 'user.link',
        outcome: 'allowed',
        actor: 'sky-admin',
        provider: 'skyways',
        detail: { sub, audSub: 'u-4711' },
      });
    });

    it('changes and takes them away', async () => {
      const sub = await subOf();
      await link(sub, 'u-1');
      await link(sub, 'u-2');
      expect(await world.trust.readUserLink('skyways', sub)).toMatchObject({ audSub: 'u-2' });
      expect((await claims())['aud_sub']).toBe('u-2');
      expect(await world.trust.unlinkUser('skyways', sub, bySkyways)).toMatchObject({ audSub: 'u-2' });
      expect(await claims()).not.toHaveProperty('aud_sub');
      for (const attempt of [
        () => world.trust.readUserLink('skyways', sub),
        () => world.trust.unlinkUser('skyways', sub, bySkyways),
      ])
        expect((await faultOf(world.store, attempt)).code).toBe('not_found');
    });

    it('links only users whom it has seen, and no other provider’s', async () => {
      const elsewhere = await subOf('user-1', payments);
      for (const sub of [elsewhere, `v1.${'A'.repeat(43)}`])
        expect((await faultOf(world.store, () => link(sub, 'x'))).code).toBe('not_found');
      await link(await subOf(), 'mine');
      expect(await claims('user-1', payments)).not.toHaveProperty('aud_sub');
      expect(await claims('user-2')).not.toHaveProperty('aud_sub');
    });

    it('and of two who link at the same moment, one is told to look again', async () => {
      const sub = await subOf();
      world.store.beforeNextCommit(() => link(sub, 'u-1'));
      await expect(link(sub, 'u-2')).rejects.toMatchObject({ code: 'conflict' });
      expect(await world.trust.readUserLink('skyways', sub)).toMatchObject({ audSub: 'u-1' });
    });
  });

  describe('under versions of the secret', () => {
    const rotate = () => world.trust.rotatePairwiseSecret('yearly', operator);

    it('keep the subject that the provider has seen; who is new there gets one of the new version', async () => {
      const known = await subOf('user-1');
      expect(known).toMatch(/^v1\./);
      await rotate();
      // Not before every process has it.
      expect(await subOf('user-2')).toMatch(/^v1\./);
      world.clock.advance(10 * minute);
      const fresh = await subOf('user-3');
      expect(fresh).toMatch(/^v2\./);
      expect(await subOf('user-1')).toBe(known);
      expect(await subOf('user-2')).toMatch(/^v1\./);
      expect(await subOf('user-3')).toBe(fresh);
      // The same user, new at another provider.
      expect(await subOf('user-1', payments)).toMatch(/^v2\./);
      world.clock.advance(1);
      await rotate();
      world.clock.advance(10 * minute);
      expect(await subOf('user-3')).toBe(fresh);
      expect(await subOf('user-4')).toMatch(/^v3\./);
      expect(await subOf('user-1')).toBe(known);
    });

    it('keep their own ids with the subject', async () => {
      const sub = await subOf();
      await link(sub, 'u-1');
      await rotate();
      world.clock.advance(10 * minute);
      expect(await claims()).toMatchObject({ sub, aud_sub: 'u-1' });
    });

    it('are made one at a time, and not without end', async () => {
      await rotate();
      await expect(rotate()).rejects.toMatchObject({ code: 'conflict' });
      expect(world.trust.listPairwiseSecrets()).toEqual([
        { version: 1, activeFrom: 0 },
        { version: 2, activeFrom: world.clock.now() + 10 * minute },
      ]);
      for (let version = 3; version <= 16; version++) {
        world.clock.advance(10 * minute);
        await rotate();
      }
      world.clock.advance(10 * minute);
      await expect(rotate()).rejects.toMatchObject({ code: 'conflict' });
      expect(await subOf('user-9')).toMatch(/^v16\./);
    });

    it('are found by another process, and by one that starts later', async () => {
      world.store.beforeNextCommit(rotate);
      await expect(rotate()).rejects.toMatchObject({ code: 'conflict' });
      expect(world.trust.listPairwiseSecrets()).toHaveLength(2);
      world.clock.advance(10 * minute);
      const sub = await subOf('user-5');
      expect(await subOf('user-5', flights, anotherTrust(world))).toBe(sub);
      expect(JSON.stringify(await trail(world.audit))).not.toContain('"secret"');
    });
  });
});
