import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadConfig } from '../src/config/index.ts';
import { createBroker } from '../src/main.ts';
import { operatorToken } from '../test/support/broker-process.ts';
import { cardFor } from '../test/support/market.ts';
import { newParty, type Party } from '../test/support/party.ts';
import { exchangeForm } from './exchange-form.ts';
import { type Measure, measure, throughput } from './measure.ts';

const small = 10;
const full = 100_000;
const exchanges = 3000;
const concurrency = 32;
const url = 'http://localhost:8080';
const planner = 'p0/planner';
const flights = 'p1/flights';

/**
 * What an exchange costs in processor time in a broker with ten tenants, and in one with a hundred thousand, each with an issuer, a
 * client, a subscription, and an agreement of its own between the same two providers; and a tenth as many agents. Each exchange
 * is another tenant's. `BENCH_GROWTH` is another number than a hundred thousand.
 */
export async function growth(): Promise<readonly Measure[]> {
  const size = Number(process.env['BENCH_GROWTH'] ?? full);
  const few = await costAt(small);
  const many = await costAt(size);
  const name = (what: string) => `growth: ${what} with ${size} tenants, against ${small}`;
  return [
    measure(name('first hop'), 1 / many.first, '1/s', 1 / few.first),
    measure(name('second hop'), 1 / many.second, '1/s', 1 / few.second),
  ];
}

/** Seconds of processor time, for one exchange. */
async function costAt(size: number): Promise<{ readonly first: number; readonly second: number }> {
  const directory = await mkdtemp(join(tmpdir(), 'broker-growth-'));
  const broker = await createBroker(
    loadConfig({ BROKER_DATA_DIR: directory, BROKER_OPERATOR_TOKEN: operatorToken, LOG_LEVEL: 'silent' }),
  );
  const post = async (path: string, body: string, headers: Readonly<Record<string, string>>) => {
    const answer = await broker.app.request(path, { method: 'POST', body, headers });
    const text = await answer.text();
    if (!answer.ok) throw new Error(`${path} was refused: ${text}`);
    return JSON.parse(text) as Readonly<Record<string, string>>;
  };
  const manage = async (path: string, body: object): Promise<void> => {
    const headers = { 'content-type': 'application/json', authorization: `Bearer ${operatorToken}` };
    await post(path, JSON.stringify(body), headers);
  };
  const exchange = async (form: string): Promise<string> => {
    const answer = await post('/oauth/token', form, { 'content-type': 'application/x-www-form-urlencoded' });
    return answer['access_token'] ?? '';
  };
  try {
    const key = await newParty();
    await populate(size, key, manage);
    const tenants = Array.from({ length: exchanges }, (_, n) => `t${(n * 7919) % size}`);
    const asTenant = (tenant: string) =>
      exchangeForm({
        broker: url,
        client: { id: `${tenant}-app`, key },
        subject: { iss: issuerOf(tenant), key, aud: 'app' },
        audience: planner,
      });
    const tokens: string[] = [];
    const firstHop = async (form: string) => void tokens.push(await exchange(form));
    // Code is compiled by then, and what is always asked for is in memory.
    await throughput(tenants.slice(0, 500).map(asTenant), concurrency, firstHop);
    tokens.length = 0;
    const first = await processorTime(tenants.map(asTenant), firstHop);
    const onward = tokens.map((token) =>
      exchangeForm({ broker: url, client: { id: 'planner', key }, subject: token, audience: flights }),
    );
    const second = await processorTime(onward, async (form) => void (await exchange(form)));
    return { first, second };
  } finally {
    await broker.close();
    await rm(directory, { recursive: true, force: true });
  }
}

async function processorTime(
  forms: readonly string[],
  work: (form: string) => Promise<void>,
): Promise<number> {
  const start = process.cpuUsage();
  await throughput(forms, concurrency, work);
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1e6 / forms.length;
}

const issuerOf = (tenant: string) => `https://${tenant}.example`;

async function populate(
  size: number,
  { jwks }: Party,
  manage: (path: string, body: object) => Promise<void>,
): Promise<void> {
  const agents = [planner, flights, ...Array.from({ length: size / 10 }, (_, n) => `p${n % 50}/agent-${n}`)];
  const providers = [...new Set(agents.map((agent) => agent.slice(0, agent.indexOf('/'))))];
  for (const id of providers) await manage('/v1/providers', { id, name: id });
  await throughput(agents, concurrency, async (agent) => {
    const [provider = '', id = ''] = agent.split('/');
    await manage(`/v1/providers/${provider}/agents`, {
      id,
      card: cardFor(`https://${provider}.example/${id}`),
    });
    await manage(`/v1/agents/${agent}/publish`, { reason: 'for the bench' });
  });
  await manage('/v1/clients', {
    id: 'planner',
    name: 'planner',
    owner: 'provider:p0',
    agent: planner,
    jwks,
    grantTypes: ['urn:ietf:params:oauth:grant-type:token-exchange'],
  });
  const tenants = Array.from({ length: size }, (_, n) => `t${n}`);
  await throughput(tenants, concurrency, async (tenant) => {
    await manage('/v1/tenants', { id: tenant, name: tenant, tier: 'standard' });
    await manage(`/v1/tenants/${tenant}/issuers`, { issuer: issuerOf(tenant), jwks });
    await manage('/v1/clients', {
      id: `${tenant}-app`,
      name: tenant,
      owner: `tenant:${tenant}`,
      jwks,
      grantTypes: ['urn:ietf:params:oauth:grant-type:token-exchange'],
      issuerClientIds: { [issuerOf(tenant)]: 'app' },
    });
    for (const agent of [planner, flights]) await manage(`/v1/tenants/${tenant}/subscriptions`, { agent });
    await manage('/v1/agreements', { from: 'provider:p0', to: 'provider:p1', tenants: [tenant] });
  });
}
