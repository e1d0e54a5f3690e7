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
import { openTrust, type TrustWorld } from './world.ts';

const names = ['one/agent', 'two/agent', 'three/agent', 'four/agent', 'five/agent'] as const;

describe.each(engines)('how long a chain may be, on $name', (engine) => {
  let world: TrustWorld;
  let acme: CastTenant;
  let agents: readonly CastAgent[];

  /** Agents one to `hops`, each called by the one before it; answers the last token. */
  async function chain(hops: number) {
    let answer = await exchange(world, acme.app, await acme.idToken(), { audience: names[0] });
    for (let hop = 1; hop < hops; hop++)
      answer = await passOn(world, agentAt(hop - 1), answer, { audience: agentAt(hop).id });
    return answer;
  }

  function agentAt(index: number): CastAgent {
    const agent = agents[index];
    if (agent === undefined) throw new Error(`there is no agent ${index}`);
    return agent;
  }

  beforeEach(async () => {
    world = await openTrust(engine);
    acme = await addTenant(world, 'acme');
    agents = await Promise.all(names.map((name) => addAgent(world, name)));
    await subscribe(world, acme, ...agents);
  });
  afterEach(() => world.dispose());

  it('is four actors, and a fifth is refused rather than forgotten', async () => {
    for (let index = 1; index < names.length; index++) await agree(world, agentAt(index - 1), agentAt(index));
    const fourth = await chain(4);
    const actors: unknown[] = [];
    for (
      let act = (await claimsOf(world, fourth))['act'];
      act !== undefined;
      act = (act as { act?: unknown }).act
    )
      actors.push((act as { sub: string }).sub);
    expect(actors).toEqual(['three-agent', 'two-agent', 'one-agent', 'acme-app']);
    expect(await refusal(chain(5))).toBe('invalid_request depth_exceeded');
    // Whatever it is asked for: who is too deep learns nothing of what there is.
    expect(await refusal(passOn(world, agentAt(3), fourth, { audience: 'nobody/none' }))).toBe(
      'invalid_request depth_exceeded',
    );
  });

  it.each([1, 2, 3])('is what the agreement says when that is less: %i', async (maxDepth) => {
    for (let index = 1; index < names.length; index++)
      await agree(world, agentAt(index - 1), agentAt(index), { maxDepth });
    expect((await chain(maxDepth)).token_type).toBe('Bearer');
    expect(await refusal(chain(maxDepth + 1))).toBe('invalid_request depth_exceeded');
  });

  it('is bounded by every agreement that the chain rests on, not by the last alone', async () => {
    await agree(world, agentAt(0), agentAt(1), { maxDepth: 2 });
    await agree(world, agentAt(1), agentAt(2));
    expect((await chain(2)).token_type).toBe('Bearer');
    expect(await refusal(chain(3))).toBe('invalid_request depth_exceeded');
  });

  it('does not grow when the gateway re-issues the context', async () => {
    const first = await chain(1);
    const call = await world.trust.verifyCallToken(first.access_token, names[0]);
    if (!call.ok) throw new Error(call.error);
    const standing = await world.trust.checkStanding(call.value);
    const deployment = standing.ok ? standing.value.agent.deployments[0] : undefined;
    if (!standing.ok || deployment === undefined) throw new Error('no deployment');
    const upstream = await world.trust.upstreamToken(call.value, standing.value, deployment);
    expect((await world.trust.findDelegation(upstream.delegationId))?.depth).toBe(1);
  });
});
