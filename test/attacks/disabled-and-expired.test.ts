import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kernel/digest.ts';
import { eventsOf, type Line, openLine, say } from '../support/a2a.ts';
import { type AgentCall, answer, openStream, sendEvent, task } from '../support/agent.ts';
import { testClock, type TestClock } from '../support/clock.ts';
import { call } from '../support/market.ts';
import {
  addCompany,
  addMarketAgentProgram,
  agree,
  type Company,
  openStage,
  type Program,
  type Stage,
} from './stage.ts';
import { ask, claimsOf, exchange, refusal, passOn, tokenOf, type TokenReply } from './token-endpoint.ts';

let clock: TestClock;
let stage: Stage;
let flights: Program;
let lodging: Company;
let agreement: string;
/** The token with which the first agent was called, and the one that it got for the second. */
let received: string;
let onward: string;

async function openScene(): Promise<void> {
  clock = testClock(Math.floor(Date.now() / 1000) * 1000);
  stage = await openStage({ clock });
  flights = await addMarketAgentProgram(stage);
  lodging = await addCompany(stage, 'lodging/hotels', [stage.acme]);
  agreement = (await agree(stage, 'skyways', 'lodging')).id;
}

const reason = { reason: 'test' };

const delegationOf = (token: string) => sha256(String(claimsOf(token)['jti']));

async function subscriptionOf(tenant: string, agent: string): Promise<string> {
  const { items } = await call<{ items: { id: string; agent: string }[] }>(
    stage,
    'GET',
    `/v1/tenants/${tenant}/subscriptions`,
  );
  return items.find((item) => item.agent === agent)?.id ?? expect.fail();
}

async function issuerOf(tenant: string): Promise<string> {
  const { items } = await call<{ items: { id: string }[] }>(stage, 'GET', `/v1/tenants/${tenant}/issuers`);
  return items[0]?.id ?? expect.fail();
}

/** What takes a right away, and how that is refused: at the first hop, at a second one, and at the gateway of the second agent. */
const revocations: readonly {
  readonly name: string;
  readonly revoke: () => Promise<unknown>;
  readonly first?: string;
  readonly second?: string;
  readonly gateway: string;
}[] = [
  {
    name: 'the tenant is suspended',
    revoke: () => call(stage, 'POST', '/v1/tenants/acme/suspend', reason),
    first: '400 invalid_request subject_tenant_not_active',
    second: '400 invalid_request token_revoked',
    gateway: '403 TENANT_CONTEXT_INVALID',
  },
  {
    name: 'the tenant’s issuer is disabled',
    revoke: async () => call(stage, 'POST', `/v1/tenants/acme/issuers/${await issuerOf('acme')}/disable`),
    first: '400 invalid_request token_issuer_unknown',
    second: '400 invalid_request token_revoked',
    gateway: '403 TENANT_CONTEXT_INVALID',
  },
  {
    name: 'the user is blocked',
    revoke: () =>
      call(stage, 'POST', '/v1/tenants/acme/users/block', {
        issuer: stage.acme.issuer,
        subject: 'user-1',
        ...reason,
      }),
    first: '400 invalid_request subject_user_blocked',
    second: '400 invalid_request token_revoked',
    gateway: '403 TENANT_CONTEXT_INVALID',
  },
  {
    name: 'the first client is disabled',
    revoke: () => call(stage, 'PATCH', '/v1/clients/acme-app', { status: 'disabled' }),
    first: '401 invalid_client client_disabled',
    second: '400 invalid_request token_revoked',
    gateway: '403 TENANT_CONTEXT_INVALID',
  },
  {
    name: 'the second client is disabled',
    revoke: () => call(stage, 'PATCH', '/v1/clients/skyways-flights', { status: 'disabled' }),
    second: '401 invalid_client client_disabled',
    gateway: '403 TENANT_CONTEXT_INVALID',
  },
  {
    name: 'the first subscription is cancelled',
    revoke: async () =>
      call(
        stage,
        'DELETE',
        `/v1/tenants/acme/subscriptions/${await subscriptionOf('acme', 'skyways/flights')}`,
      ),
    first: '400 invalid_target not_subscribed',
    second: '400 invalid_request token_revoked',
    gateway: '403 NOT_SUBSCRIBED',
  },
  {
    name: 'the second subscription is cancelled',
    revoke: async () =>
      call(
        stage,
        'DELETE',
        `/v1/tenants/acme/subscriptions/${await subscriptionOf('acme', 'lodging/hotels')}`,
      ),
    second: '400 invalid_target not_subscribed',
    gateway: '403 NOT_SUBSCRIBED',
  },
  {
    name: 'the agreement is revoked',
    revoke: () => call(stage, 'POST', `/v1/agreements/${agreement}/revoke`, reason),
    second: '400 invalid_target agreement_missing',
    gateway: '403 AGREEMENT_REVOKED',
  },
  {
    name: 'the first agent is suspended',
    revoke: () => call(stage, 'POST', '/v1/agents/skyways/flights/suspend', reason),
    first: '400 invalid_target agent_unavailable',
    second: '400 invalid_request token_revoked',
    gateway: '503 AGENT_UNAVAILABLE',
  },
  {
    name: 'the second agent is retired',
    revoke: () => call(stage, 'POST', '/v1/agents/lodging/hotels/retire', reason),
    second: '400 invalid_target agent_unavailable',
    gateway: '503 AGENT_UNAVAILABLE',
  },
  {
    name: 'the first provider is suspended',
    revoke: () => call(stage, 'POST', '/v1/providers/skyways/suspend', reason),
    first: '400 invalid_target agent_unavailable',
    second: '400 unauthorized_client client_owner_not_active',
    gateway: '503 AGENT_UNAVAILABLE',
  },
  {
    name: 'the second provider is suspended',
    revoke: () => call(stage, 'POST', '/v1/providers/lodging/suspend', reason),
    second: '400 invalid_target agent_unavailable',
    gateway: '503 AGENT_UNAVAILABLE',
  },
  {
    name: 'the first delegation is revoked',
    revoke: () => call(stage, 'POST', `/v1/delegations/${delegationOf(received)}/revoke`, reason),
    second: '400 invalid_request token_revoked',
    gateway: '403 TENANT_CONTEXT_INVALID',
  },
  {
    name: 'the second delegation is revoked',
    revoke: () => call(stage, 'POST', `/v1/delegations/${delegationOf(onward)}/revoke`, reason),
    gateway: '403 TENANT_CONTEXT_INVALID',
  },
  {
    name: 'the first client takes its token back',
    revoke: () => ask(stage, stage.acme, { token: received }, '/oauth/revoke'),
    second: '400 invalid_request token_revoked',
    gateway: '403 TENANT_CONTEXT_INVALID',
  },
];

async function lineToHotels(token: string): Promise<Line> {
  return openLine({ ...stage.market, agent: lodging.agent }, stage.acme, token);
}

function hop(received: string): Promise<TokenReply> {
  return passOn(stage, flights, received, { audience: lodging.agent });
}

describe.each(revocations)('when $name', ({ revoke, first, second, gateway }) => {
  let line: Line;
  /** A stream that ran before. */
  let agent: AgentCall;
  let events: ReturnType<typeof eventsOf>;

  beforeAll(async () => {
    await openScene();
    received = tokenOf(await exchange(stage, stage.acme));
    onward = tokenOf(await hop(received));
    line = await lineToHotels(onward);
    lodging.upstream.on((heard) => answer(heard, { task: task('stays') }));
    await line.call('SendMessage', say('hi'));
    const heard = new Promise<AgentCall>((resolve) => {
      lodging.upstream.on(resolve);
    });
    const opened = line.open('SendStreamingMessage', say('stream'));
    agent = await heard;
    openStream(agent);
    events = eventsOf(await opened);
    sendEvent(agent, { task: task('streamed') });
    await events.next();
    await revoke();
  });
  afterAll(() => stage.close());

  it('no token is issued any more, at whatever hop', async () => {
    const hops = [
      [first, () => exchange(stage, stage.acme)],
      [second, () => hop(received)],
    ] as const;
    for (const [refused, attempt] of hops) {
      expect(refused === undefined ? (await attempt()).status : await refusal(stage, attempt)).toBe(
        refused ?? 200,
      );
    }
  });

  it('live tokens of the chain stop at the gateway, for new calls, tasks and streams', async () => {
    const calls = lodging.upstream.calls.length;
    for (const [method, params] of [
      ['SendMessage', say('hi')],
      ['SendStreamingMessage', say('hi')],
      ['GetTask', { id: 'stays' }],
      ['CancelTask', { id: 'stays' }],
      ['SubscribeToTask', { id: 'stays' }],
    ] as const) {
      const got = await line.call(method, params);
      expect(`${got.status} ${got.reason}`).toBe(gateway);
    }
    expect(lodging.upstream.calls.length).toBe(calls);
  });

  it('a stream that runs ends before the next event that comes a second later', async () => {
    clock.advance(1000);
    sendEvent(agent, { statusUpdate: { taskId: 'streamed', status: { state: 'SECRET' } } });
    const last = (await events.next()).value;
    expect(last).toMatchObject({ event: 'error', data: expect.stringContaining(gateway.slice(4)) as string });
    expect(JSON.stringify(last)).not.toContain('SECRET');
    expect((await events.next()).done).toBe(true);
  });
});
