import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { signIn } from '../../examples/tenant/sign-in.ts';
import { openState } from '../../examples/company/state.ts';
import { createBrokerClient } from '../../src/kit/index.ts';
import { openTrustRoom, type TrustRoom } from '../kit/trust-room.ts';
import { call } from '../support/market.ts';
import { type ExampleProcess, runExample, startExample } from './example-process.ts';

interface Registration {
  readonly provider: { readonly id: string };
  readonly issuer: { readonly issuer: string };
  readonly agent: { readonly id: string };
  readonly client: object;
}

type Company = ExampleProcess<{ readonly resource: string; readonly register: Registration }>;
type Tenant = ExampleProcess<{ readonly issuer: string; readonly register: { readonly issuer: object } }>;

const agents = ['concierge/planner', 'skyways/flights', 'northpay/payments'];
const users = { acme: 'alice:wonderland', globex: 'hank:scorpio' };

describe('the examples, with the broker between them', () => {
  let directory: string;
  let room: TrustRoom;
  let companies: readonly Company[] = [];
  let tenants: ReadonlyMap<string, Tenant> = new Map();

  const ask = async (tenant: keyof typeof users, ...args: readonly string[]) => {
    const [user = '', password = ''] = users[tenant].split(':');
    const issuer = tenants.get(tenant)?.ready.issuer ?? '';
    const common = ['--broker', room.url, '--tenant', tenant, '--issuer', issuer];
    const state = ['--state', join(directory, `${tenant}-app`)];
    return runExample('tenant/ask.ts', [
      ...common,
      ...state,
      '--user',
      user,
      '--password',
      password,
      ...args,
    ]);
  };

  async function register({ provider, issuer, agent, client }: Registration): Promise<void> {
    const path = `/v1/providers/${provider.id}`;
    await call(room, 'POST', '/v1/providers', provider);
    await call(room, 'POST', `${path}/issuers`, issuer);
    await call(room, 'POST', `${path}/agents`, agent);
    await call(room, 'POST', `/v1/agents/${provider.id}/${agent.id}/publish`, { reason: 'example' });
    await call(room, 'POST', '/v1/clients', client);
  }

  async function openTenant(id: keyof typeof users): Promise<[string, Tenant]> {
    const args = ['--state', join(directory, `${id}-idp`), '--tenant', id, '--user', users[id]];
    const idp: Tenant = await startExample('tenant/idp.ts', args);
    await call(room, 'POST', '/v1/tenants', { id, name: id, tier: 'standard' });
    await call(room, 'POST', `/v1/tenants/${id}/issuers`, idp.ready.register.issuer);
    for (const agent of agents) await call(room, 'POST', `/v1/tenants/${id}/subscriptions`, { agent });
    return [id, idp];
  }

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'example-'));
    room = await openTrustRoom();
    companies = await Promise.all(
      agents.map((agent): Promise<Company> =>
        startExample(`${agent}.ts`, ['--broker', room.url, '--state', join(directory, agent)]),
      ),
    );
    for (const { ready } of companies) await register(ready.register);
    for (const [from, to] of [
      ['provider:concierge', 'provider:skyways'],
      ['provider:skyways', 'provider:northpay'],
    ])
      await call(room, 'POST', '/v1/agreements', { from, to });
    tenants = new Map([await openTenant('acme'), await openTenant('globex')]);
    for (const tenant of ['acme', 'globex'] as const) {
      const { line } = await ask(tenant, '--registration');
      await call(room, 'POST', '/v1/clients', (line['register'] as { client: object }).client);
    }
  });
  afterAll(async () => {
    await Promise.all([...companies, ...tenants.values()].map((example) => example.stop()));
    await room.close();
    await rm(directory, { recursive: true, force: true });
  });

  it('serves a user through three companies, and shows the task to no other tenant', async () => {
    const asked = await ask('acme', '--text', 'Take me from Berlin to Lisbon on 2027-03-14');
    expect(asked).toMatchObject({ code: 0, line: { answer: { tenant: 'acme' } } });
    const { taskId, task } = asked.line['answer'] as { taskId: string; task: object };
    expect(task).toMatchObject({
      status: { state: 'TASK_STATE_COMPLETED' },
      artifacts: [
        {
          name: 'itinerary',
          parts: [{ data: { booking: { flight: 'SK418', payment: { amount: '129.50', payer: 'acme' } } } }],
        },
      ],
    });

    // What they print comes through other pipes than the answer.
    const hops = await vi.waitFor(() => {
      const printed = companies.flatMap(({ hops }) => hops);
      expect(printed).toHaveLength(3);
      return printed;
    });
    expect(hops).toMatchObject([
      { agent: 'concierge/planner', tenant: 'acme', actDepth: 1 },
      { agent: 'skyways/flights', tenant: 'acme', actDepth: 2 },
      { agent: 'northpay/payments', tenant: 'acme', actDepth: 3 },
    ]);
    expect(new Set(hops.map(({ txn }) => txn)).size).toBe(1);
    expect(new Set(hops.map(({ sub }) => sub)).size).toBe(3);

    const issuers = companies.map(({ ready }) => ready.register.issuer.issuer);
    expect(hops[2]?.actors).toMatchObject([
      { issuer: issuers[1], subject: 'flights' },
      { issuer: issuers[0], subject: 'planner' },
      { issuer: room.url, subject: 'acme-travel-app' },
    ]);

    const again = await ask('acme', '--task', taskId);
    expect(again).toMatchObject({ code: 0, line: { answer: { taskId } } });
    const other = await ask('globex', '--task', taskId);
    expect(other).toMatchObject({ code: 3, line: { refused: { code: 'TASK_NOT_FOUND' } } });

    expect(await readDirectly('acme', taskId)).toMatchObject({ result: { id: taskId } });
    expect(await readDirectly('globex', taskId)).toMatchObject({ error: { code: -32001 } });
  });

  /** At the provider itself, past the gateway: its own store keeps tenants apart as well. */
  async function readDirectly(tenant: keyof typeof users, id: string): Promise<unknown> {
    const [username = '', password = ''] = users[tenant].split(':');
    const issuer = tenants.get(tenant)?.ready.issuer ?? '';
    const subjectToken = await signIn({ issuer, clientId: 'travel-app', username, password });
    const { resource } = companies[0]?.ready ?? { resource: '' };
    const { accessToken } = await createBrokerClient({
      broker: room.url,
      clientId: `${tenant}-travel-app`,
      privateKey: await (await openState(join(directory, `${tenant}-app`))).key('app'),
    }).exchange({ subjectToken, subjectTokenType: 'id_token', resource });
    const response = await fetch(resource, {
      method: 'POST',
      headers: {
        Authorization: `Bearer ${accessToken}`,
        'Content-Type': 'application/json',
        'A2A-Version': '1.0',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id } }),
    });
    return response.json();
  }
});
