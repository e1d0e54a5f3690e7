import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Write } from '../../src/storage/port.ts';
import { engines } from '../support/stores.ts';
import { trail } from '../tenancy/watched-store.ts';
import {
  addAgent,
  addClient,
  addTenant,
  agree,
  ask,
  type CastAgent,
  type CastTenant,
  claimsOf,
  exchange,
  passOn,
  refusal,
  subscribe,
} from './cast.ts';
import { failingStore } from './failing-store.ts';
import { openTrust, type TrustWorld } from './world.ts';

describe.each(engines)('the audit log of the token endpoint, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let payments: CastAgent;
  const fault = failingStore();
  const hop = async (form: Record<string, string | undefined> = {}) =>
    exchange(world, acme.app, await acme.idToken(), { audience: flights.id, ...form });
  const last = async () => (await trail(world.audit)).at(-1);

  beforeEach(async () => {
    fault.failOn(() => false);
    world = await openTrust(engine, { wrap: fault.wrap });
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    payments = await addAgent(world, 'northpay/payments');
    await subscribe(world, acme, flights, payments);
  });
  afterEach(() => world.dispose());

  it('tells each exchange with all that decided it, and no token', async () => {
    const agreement = await agree(world, flights, payments);
    const first = await hop();
    const { txn } = await claimsOf(world, first);
    const call = await world.trust.verifyCallToken(first.access_token, flights.id);
    expect(await last()).toEqual({
      action: 'token.exchange',
      outcome: 'allowed',
      actor: 'acme-app',
      client: 'acme-app',
      tenant: 'acme',
      provider: 'skyways',
      agent: flights.id,
      txn,
      detail: {
        delegation: call.ok && call.value.delegation.id,
        parent: null,
        subscription: expect.stringMatching(/^sub_/),
        scope: ['a2a:invoke', 'a2a:read'],
        depth: 1,
        chain: ['acme-app'],
        agreement: null,
      },
    });
    await passOn(world, flights, first, { audience: payments.id });
    expect(await last()).toMatchObject({
      client: 'skyways-flights',
      provider: 'northpay',
      txn,
      detail: { depth: 2, chain: ['acme-app', 'skyways-flights'], agreement: agreement.id },
    });
    const written = JSON.stringify(await trail(world.audit));
    for (const secret of [first.access_token, first.access_token.split('.')[2] ?? '', 'eyJ'])
      expect(written).not.toContain(secret);
  });

  it('can be asked by tenant, provider, client and transaction', async () => {
    const { txn } = await claimsOf(world, await hop());
    for (const query of [{ tenant: 'acme' }, { provider: 'skyways' }, { client: 'acme-app' }, { txn }])
      expect((await world.audit.list(query as { txn: string })).items[0]?.value).toMatchObject({
        action: 'token.exchange',
        txn,
      });
  });

  it.each([
    ['an unknown client', { client_assertion: 'x' }, {}, 'invalid_client', 'token_malformed'],
    ['a bad subject', { subject_token: 'x' }, {}, 'invalid_request', 'token_malformed'],
    [
      'an unknown agent',
      { audience: 'skyways/none' },
      { tenant: 'acme', agent: 'skyways/none' },
      'invalid_target',
      'agent_unavailable',
    ],
    [
      'a scope that is not offered',
      { scope: 'everything' },
      { tenant: 'acme', agent: 'skyways/flights', provider: 'skyways' },
      'invalid_scope',
      'scope_empty',
    ],
  ])('tells the refusal of %s, as far as it was known', async (_, form, known, error, reason) => {
    expect(await refusal(hop(form))).toBe(`${error} ${reason}`);
    // Its own company's, while nothing is known of whom it is about.
    const client =
      error === 'invalid_client' ? {} : { actor: 'acme-app', client: 'acme-app', tenant: 'acme' };
    expect(await last()).toEqual({
      action: 'token.exchange',
      outcome: 'refused',
      reason,
      ...client,
      ...known,
      detail: { error },
    });
  });

  it('tells refusals of what never became a request', async () => {
    const before = (await trail(world.audit)).length;
    await refusal(world.trust.issueToken('application/json', '{}'));
    await refusal(world.trust.issueToken(undefined, ''));
    await refusal(world.trust.issueToken('application/x-www-form-urlencoded', 'a=b'));
    const after = (await trail(world.audit)).slice(before);
    expect(after.map(({ action, outcome, reason }) => [action, outcome, reason])).toEqual([
      ['token.issue', 'refused', 'content_type'],
      ['token.issue', 'refused', 'content_type'],
      ['token.issue', 'refused', 'grant_missing'],
    ]);
  });

  it('tells an assertion that was used before', async () => {
    const client_assertion = await acme.app.assertion();
    await hop({ client_assertion });
    await refusal(hop({ client_assertion }));
    expect(await last()).toMatchObject({ outcome: 'refused', reason: 'client_assertion_replayed' });
  });

  it('names the transaction that a refused hop would have continued', async () => {
    const first = await hop();
    const { txn } = await claimsOf(world, first);
    await refusal(passOn(world, flights, first, { audience: payments.id }));
    expect(await last()).toMatchObject({ outcome: 'refused', reason: 'agreement_missing', txn });
  });

  describe('when it cannot be written', () => {
    const isAudit = ({ partition }: Write) => partition.startsWith('audit#');

    it('no token leaves, and nothing of it is left', async () => {
      await hop();
      const before = await world.store.snapshot();
      fault.failOn(isAudit);
      await expect(hop()).rejects.toMatchObject({ code: 'unavailable' });
      fault.failOn(() => false);
      expect(await world.store.snapshot()).toEqual(before);
    });

    it('no management token leaves either', async () => {
      const ops = await addClient(world, {
        id: 'ops',
        owner: 'tenant:acme',
        grantTypes: ['client_credentials'],
        scopes: ['audit:read'],
      });
      fault.failOn(isAudit);
      const form = { grant_type: 'client_credentials', client_assertion: await ops.assertion() };
      await expect(ask(world, ops, form)).rejects.toMatchObject({ code: 'unavailable' });
      fault.failOn(() => false);
      expect((await ask(world, ops, form)).scope).toBe('audit:read');
    });

    it('no refusal is answered that nobody would know of', async () => {
      fault.failOn(isAudit);
      await expect(hop({ audience: 'skyways/none' })).rejects.toMatchObject({ code: 'unavailable' });
    });

    it('no context is passed to a provider', async () => {
      const call = await world.trust.verifyCallToken((await hop()).access_token, flights.id);
      if (!call.ok) throw new Error(call.error);
      const standing = await world.trust.checkStanding(call.value);
      const deployment = standing.ok ? standing.value.agent.deployments[0] : undefined;
      if (!standing.ok || deployment === undefined) throw new Error('no deployment');
      const before = await world.store.snapshot();
      fault.failOn(isAudit);
      const pass = () => world.trust.upstreamToken(call.value, standing.value, deployment);
      await expect(pass()).rejects.toMatchObject({ code: 'unavailable' });
      fault.failOn(() => false);
      expect(await world.store.snapshot()).toEqual(before);
      expect((await pass()).token).toMatch(/^eyJ/);
    });
  });

  it('no token leaves whose delegation or used assertion cannot be written', async () => {
    for (const kind of ['delegation#', 'assertion#']) {
      fault.failOn(({ partition }) => partition.startsWith(kind));
      await expect(hop()).rejects.toMatchObject({ code: 'unavailable' });
    }
    fault.failOn(() => false);
    expect((await hop()).token_type).toBe('Bearer');
  });
});
