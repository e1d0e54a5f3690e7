import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseDeployment } from '../../src/registry/index.ts';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addTenant,
  agree,
  type CastAgent,
  type CastTenant,
  exchange,
  outcome,
  passOn,
  refusal,
  subscribe,
} from './cast.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

const by = { by: operator };
const ok = 'a2a:invoke a2a:read';
const nowhere = 'invalid_target residency_unsatisfiable';

/** user → flights → payments (in eu and us) → ledger (in us) */
describe.each(engines)('the residency of an agreement, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let flights: CastAgent;
  let payments: CastAgent;
  let ledger: CastAgent;
  const euResource = 'https://eu.northpay.example/rpc';
  const usResource = 'https://us.northpay.example/rpc';

  const deploy = (agent: CastAgent, region: string, url: string) =>
    world.registry.addDeployment(agent.id, { id: region, model: 'pooled', region, url }, by);
  const received = async () => exchange(world, acme.app, await acme.idToken(), { audience: flights.id });
  const toPayments = async (form: Record<string, string> = { audience: payments.id }) =>
    passOn(world, flights, await received(), form);
  /** Where the gateway takes a call with this token. */
  const servedIn = async (token: string, agent: CastAgent) => {
    const call = await world.trust.verifyCallToken(token, agent.id);
    if (!call.ok) throw new Error(call.error);
    const standing = await world.trust.checkStanding(call.value);
    if (!standing.ok) throw new Error(standing.error);
    const regions = [0, 0.49, 0.99].map((random) => {
      const chosen = chooseDeployment(standing.value.agent, standing.value.tenant, { random });
      return chosen.ok ? chosen.value.region : chosen.error;
    });
    return [...new Set(regions)];
  };

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    flights = await addAgent(world, 'skyways/flights');
    payments = await addAgent(world, 'northpay/payments');
    ledger = await addAgent(world, 'books/ledger');
    await subscribe(world, acme, flights, payments, ledger);
    for (const agent of [payments, ledger])
      await world.registry.changeDeployment(agent.id, 'default', { state: 'down' }, by);
    await deploy(payments, 'eu', euResource);
    await deploy(payments, 'us', usResource);
    await deploy(ledger, 'us', 'https://us.books.example/rpc');
  });
  afterEach(() => world.dispose());

  it('keeps calls through the gateway where it says', async () => {
    await agree(world, flights, payments);
    const free = await toPayments();
    expect(await servedIn(free.access_token, payments)).toEqual(['eu', 'us']);
    await agree(world, flights, payments, { residency: ['eu'] });
    const bound = await toPayments();
    expect(await servedIn(bound.access_token, payments)).toEqual(['eu']);
    await world.registry.changeDeployment(payments.id, 'eu', { state: 'down' }, by);
    expect(await servedIn(bound.access_token, payments)).toEqual(['RESIDENCY_UNSATISFIABLE']);
  });

  it('refuses the exchange when nothing is there, and for a deployment elsewhere', async () => {
    await agree(world, flights, payments, { residency: ['eu'] });
    expect(await outcome(toPayments({ resource: euResource }))).toBe(ok);
    expect(await refusal(toPayments({ resource: usResource }))).toBe('invalid_target deployment_unavailable');
    await world.registry.changeDeployment(payments.id, 'eu', { state: 'down' }, by);
    expect(await refusal(toPayments())).toBe(nowhere);
  });

  it('binds those further on, whose own agreement does not mention it', async () => {
    await agree(world, flights, payments, { residency: ['eu'] });
    await agree(world, payments, ledger);
    const forPayments = await toPayments();
    expect(await refusal(passOn(world, payments, forPayments, { audience: ledger.id }))).toBe(nowhere);
    await agree(world, flights, payments, { residency: ['eu', 'us'] });
    const wider = await toPayments();
    const onward = await passOn(world, payments, wider, { audience: ledger.id });
    expect(await servedIn(onward.access_token, ledger)).toEqual(['us']);
  });

  it('narrows the tenant’s own, and never widens it', async () => {
    await world.tenancy.updateTenant('acme', { residency: ['us'] }, by);
    await world.registry.changeDeployment(flights.id, 'default', { state: 'active' }, by);
    await agree(world, flights, payments, { residency: ['eu'] });
    expect(await refusal(toPayments())).toBe(nowhere);
    await agree(world, flights, payments, { residency: ['eu', 'us'] });
    expect(await servedIn((await toPayments()).access_token, payments)).toEqual(['us']);
  });

  it('goes with the token that the gateway makes for the agent', async () => {
    await agree(world, flights, payments, { residency: ['eu'] });
    await agree(world, payments, ledger);
    const call = await world.trust.verifyCallToken((await toPayments()).access_token, payments.id);
    if (!call.ok) throw new Error(call.error);
    const standing = await world.trust.checkStanding(call.value);
    if (!standing.ok) throw new Error(standing.error);
    const deployment = standing.value.agent.deployments.find(({ region }) => region === 'eu');
    if (deployment === undefined) throw new Error('no deployment');
    const { token } = await world.trust.upstreamToken(call.value, standing.value, deployment);
    const answer = { access_token: token, token_type: 'Bearer' as const, expires_in: 0, scope: '' };
    expect(await refusal(passOn(world, payments, answer, { audience: ledger.id }))).toBe(nowhere);
  });
});
