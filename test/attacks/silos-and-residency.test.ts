import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Line, openLine, say } from '../support/a2a.ts';
import { answer, scriptedAgent, type ScriptedAgent, task } from '../support/agent.ts';
import { call, type MarketTenant } from '../support/market.ts';
import { openStage, type Stage } from './stage.ts';
import { exchange, refusal, tokenOf } from './token-endpoint.ts';

/** The market's agent runs in a pool, in a silo of acme's, and abroad. */
let stage: Stage;
let silo: ScriptedAgent;
const agentPath = '/v1/agents/skyways/flights';

beforeEach(async () => {
  stage = await openStage();
  silo = stage.adopt(await scriptedAgent());
  await call(stage, 'POST', `${agentPath}/deployments`, {
    id: 'acme-silo',
    model: 'siloed',
    tenant: 'acme',
    url: silo.url,
    region: 'eu-central-1',
    resource: 'urn:skyways:acme-silo',
  });
});
afterEach(() => stage.close());

const line = (tenant: MarketTenant): Promise<Line> => openLine(stage.market, tenant);
const down = (id: string, state: string) => call(stage, 'PATCH', `${agentPath}/deployments/${id}`, { state });

describe('a tenant’s silo', () => {
  it('serves that tenant alone, however often others call', async () => {
    const [acme, globex] = await Promise.all([line(stage.acme), line(stage.globex)]);
    for (let round = 0; round < 20; round++) {
      await acme.call('SendMessage', say('hi'));
      await globex.call('SendMessage', say('hi'));
    }
    expect([silo.calls.length, stage.agent.calls.length]).toEqual([20, 20]);
  });

  it('is not the refuge of others when their pool is gone', async () => {
    await down('default', 'down');
    const got = await (await line(stage.globex)).call('SendMessage', say('hi'));
    expect([got.status, got.reason]).toEqual([503, 'AGENT_UNAVAILABLE']);
    expect(silo.calls).toHaveLength(0);
  });

  it('keeps its tasks: when it is down they are not looked for in the pool', async () => {
    silo.on((received) => answer(received, { task: task('in-silo') }));
    const acme = await line(stage.acme);
    await acme.call('SendMessage', say('start'));
    await down('acme-silo', 'down');
    expect((await acme.call('GetTask', { id: 'in-silo' })).reason).toBe('AGENT_UNAVAILABLE');
    expect(stage.agent.calls).toHaveLength(0);
  });

  it('is no audience of another tenant’s token', async () => {
    const form = { audience: undefined, resource: 'urn:skyways:acme-silo' };
    expect((await exchange(stage, stage.acme, form)).status).toBe(200);
    expect(await refusal(stage, () => exchange(stage, stage.globex, form))).toBe(
      '400 invalid_target deployment_unavailable',
    );
  });

  it('of a tenant that a provider invents is nobody’s', async () => {
    await call(stage, 'POST', `${agentPath}/deployments`, {
      id: 'nobody-silo',
      model: 'siloed',
      tenant: 'nobody',
      url: 'https://nobody.skyways.example/rpc',
    });
    expect((await (await line(stage.globex)).call('SendMessage', say('hi'))).status).toBe(200);
  });
});

describe('residency', () => {
  it.each([
    ['a deployment that does not say where it is', ['us-east-1']],
    ['regions in which there is none', ['ap-south-1', 'eu-west-3']],
  ])('is never given up: %s', async (_, residency) => {
    const token = tokenOf(await exchange(stage, stage.globex));
    await call(stage, 'PATCH', '/v1/tenants/globex', { residency });
    const globex = await openLine(stage.market, stage.globex, token);
    for (const method of ['SendMessage', 'SendStreamingMessage']) {
      const got = await globex.call(method, say('hi'));
      expect([got.status, got.reason]).toEqual([403, 'RESIDENCY_UNSATISFIABLE']);
    }
    expect(stage.agent.calls.length + silo.calls.length).toBe(0);
  });

  it('holds for running tasks too: one that is abroad now is not followed there', async () => {
    stage.agent.on((received) => answer(received, { task: task('abroad') }));
    const globex = await line(stage.globex);
    await globex.call('SendMessage', say('start'));
    await call(stage, 'PATCH', '/v1/tenants/globex', { residency: ['eu-central-1'] });
    const calls = stage.agent.calls.length;
    expect((await globex.call('GetTask', { id: 'abroad' })).status).toBeGreaterThanOrEqual(403);
    expect(stage.agent.calls.length).toBe(calls);
  });
});
