import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { epochSeconds } from '../../src/kernel/clock.ts';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addClient,
  addTenant,
  ask,
  assertionType,
  claimsOf,
  exchange,
  outcome,
  type Program,
  refusal,
} from './cast.ts';
import { brokerUrl, openTrust, operator, type TrustWorld } from './world.ts';

describe.each(engines)('a program that acts as itself, on $name', (engine) => {
  let world: TrustWorld;
  let reporter: Program;
  const get = (form: Record<string, string> = {}, program = reporter) =>
    ask(world, program, { grant_type: 'client_credentials', ...form });

  beforeEach(async () => {
    world = await openTrust(engine);
    await addAgent(world, 'skyways/flights');
    reporter = await addClient(world, {
      id: 'skyways-usage',
      owner: 'provider:skyways',
      grantTypes: ['client_credentials'],
      scopes: ['usage:write', 'usage:read'],
    });
  });
  afterEach(() => world.dispose());

  it('gets a token for the management API, and nothing in it is about a tenant', async () => {
    const now = epochSeconds(world.clock);
    const answer = await get();
    expect(answer).toEqual({
      access_token: expect.any(String),
      token_type: 'Bearer',
      expires_in: 300,
      scope: 'usage:write usage:read',
    });
    expect(await claimsOf(world, answer)).toEqual({
      iss: brokerUrl,
      aud: brokerUrl,
      sub: 'skyways-usage',
      client_id: 'skyways-usage',
      iat: now,
      exp: now + 300,
      jti: expect.stringMatching(/^jti_/),
      scope: answer.scope,
    });
  });

  it('gets the scopes that it asks for and was given', async () => {
    expect((await get({ scope: 'usage:write' })).scope).toBe('usage:write');
    expect((await get({ scope: 'audit:read usage:read' })).scope).toBe('usage:read');
    expect(await refusal(get({ scope: 'audit:read' }))).toBe('invalid_scope scope_empty');
  });

  it('gets nothing without scopes of its own', async () => {
    const mute = await addClient(world, {
      id: 'mute',
      owner: 'provider:skyways',
      grantTypes: ['client_credentials'],
    });
    expect(await refusal(get({}, mute))).toBe('invalid_scope scope_empty');
  });

  it('may name the broker as its target, and nothing else', async () => {
    const flights = `${brokerUrl}/a2a/skyways/flights`;
    expect((await claimsOf(world, await get({ resource: brokerUrl }))).aud).toBe(brokerUrl);
    expect((await claimsOf(world, await get({ audience: brokerUrl }))).aud).toBe(brokerUrl);
    const others = [
      { resource: flights },
      { audience: 'skyways/flights' },
      { resource: brokerUrl, audience: 'skyways/flights' },
      { resource: `${brokerUrl}/` },
    ];
    expect(await Promise.all(others.map((form) => outcome(get(form))))).toEqual(
      others.map(() => 'invalid_target target_not_broker'),
    );
  });

  describe('at the management API', () => {
    it('is who it is, with what its token says', async () => {
      const { access_token } = await get({ scope: 'usage:write' });
      expect(await world.trust.authenticateBearer(access_token)).toEqual({
        kind: 'client',
        clientId: 'skyways-usage',
        owner: 'provider:skyways',
        scopes: ['usage:write'],
      });
    });

    it('is nobody once its token expired, to the second', async () => {
      const { access_token } = await get();
      world.clock.advance(299_999);
      expect(await world.trust.authenticateBearer(access_token)).toBeDefined();
      world.clock.advance(1);
      expect(await world.trust.authenticateBearer(access_token)).toBeUndefined();
    });

    it('is nobody once the client is disabled', async () => {
      const { access_token } = await get();
      await world.trust.changeClient('skyways-usage', { status: 'disabled' }, { by: operator });
      expect(await world.trust.authenticateBearer(access_token)).toBeUndefined();
      await world.trust.changeClient('skyways-usage', { status: 'active' }, { by: operator });
      expect(await world.trust.authenticateBearer(access_token)).toBeDefined();
    });

    it('is nobody while its company is suspended, and gets no token', async () => {
      await addTenant(world, 'acme');
      const admin = await addClient(world, {
        id: 'acme-admin',
        owner: 'tenant:acme',
        grantTypes: ['client_credentials'],
        scopes: ['trust:read'],
      });
      const by = { by: operator };
      const companies = [
        {
          program: reporter,
          suspend: () => world.registry.setProviderStatus('skyways', 'suspended', 'trouble', by),
          reinstate: () => world.registry.setProviderStatus('skyways', 'active', 'over', by),
        },
        {
          program: admin,
          suspend: () => world.tenancy.suspendTenant('acme', 'unpaid', by),
          reinstate: () => world.tenancy.reinstateTenant('acme', 'paid', by),
        },
      ];
      for (const { program, suspend, reinstate } of companies) {
        const { access_token } = await get({}, program);
        await suspend();
        expect(await world.trust.authenticateBearer(access_token)).toBeUndefined();
        expect(await refusal(get({}, program))).toBe('unauthorized_client client_owner_not_active');
        await reinstate();
        expect(await world.trust.authenticateBearer(access_token)).toBeDefined();
      }
    });

    describe('with a token that its client took back', () => {
      const takeBack = async (token: string) => {
        const form = {
          client_assertion_type: assertionType,
          client_assertion: await reporter.assertion(),
          token,
        };
        await world.trust.revokeToken({
          contentType: 'application/x-www-form-urlencoded',
          body: new URLSearchParams(form).toString(),
        });
      };

      it('is nobody, and with its others goes on', async () => {
        const [gone, other] = [(await get()).access_token, (await get()).access_token];
        await takeBack(gone);
        expect(await world.trust.authenticateBearer(gone)).toBeUndefined();
        expect(await world.trust.authenticateBearer(other)).toBeDefined();
        const found = await world.trust.findClient('skyways-usage');
        await world.trust.changeClient('skyways-usage', { name: 'Renamed' }, { by: operator });
        expect(await world.trust.authenticateBearer(gone)).toBeUndefined();
        expect(Object.keys(found?.client.revokedTokens?.tokens ?? {})).toHaveLength(1);
      });

      it('two at the same moment are both taken back', async () => {
        const [first, second] = [(await get()).access_token, (await get()).access_token];
        world.store.beforeNextCommit(() => takeBack(second));
        await takeBack(first);
        expect(await world.trust.authenticateBearer(first)).toBeUndefined();
        expect(await world.trust.authenticateBearer(second)).toBeUndefined();
      });

      it('when there are too many to name, all that were issued up to then are', async () => {
        const kept = (await get()).access_token;
        for (let n = 0; n < 101; n++) await takeBack((await get()).access_token);
        expect(await world.trust.authenticateBearer(kept)).toBeUndefined();
        world.clock.advance(1000);
        const fresh = (await get()).access_token;
        expect(await world.trust.authenticateBearer(fresh)).toBeDefined();
        await takeBack(fresh);
        expect(await world.trust.authenticateBearer(fresh)).toBeUndefined();
        expect(await world.trust.authenticateBearer(kept)).toBeUndefined();
      });

      it('forgets tokens that have expired', async () => {
        for (let n = 0; n < 3; n++) {
          await takeBack((await get()).access_token);
          world.clock.advance(300_000);
        }
        const found = await world.trust.findClient('skyways-usage');
        expect(Object.keys(found?.client.revokedTokens?.tokens ?? {})).toHaveLength(1);
      });
    });

    it('nobody is let in with a token for an agent, a tenant’s own token, or no token at all', async () => {
      const acme = await addTenant(world, 'acme');
      await world.tenancy.subscribe('acme', { agent: 'skyways/flights' }, operator);
      const call = await exchange(world, acme.app, await acme.idToken(), { audience: 'skyways/flights' });
      const own = await acme.idToken({ aud: brokerUrl, client_id: 'app', azp: 'app' });
      for (const token of [call.access_token, own, '', 'a.b.c'])
        expect(await world.trust.authenticateBearer(token)).toBeUndefined();
    });

    it('a management token is no call token', async () => {
      const { access_token } = await get();
      expect(await world.trust.verifyCallToken(access_token, 'skyways/flights')).toEqual({
        ok: false,
        error: 'token_audience_wrong',
      });
    });
  });
});
