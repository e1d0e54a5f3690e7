import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Pool } from 'undici';
import { benchBroker } from './broker.ts';
import type { Market, MarketTenant } from '../test/support/market.ts';
import { newProver } from './proof.ts';
import { latencies, type Measure, measure, median, quantile, throughput } from './measure.ts';

const calls = 40_000;
const warmUp = 8000;
const connections = 32;
const rounds = 3;

/**
 * A 1 KB call with a 2 KB answer: authenticated, ownership checked, metered durably. The limit is a bare relay: node:http in,
 * undici dispatch out, nothing read and nothing kept. Both are loaded in turns, so that both see the same machine.
 */
export async function relay(): Promise<readonly Measure[]> {
  const agent = await helper('bench/processes/agent.ts');
  const bare = await helper('bench/processes/bare-relay.ts', agent.url);
  const { broker, market, close } = await benchBroker(`${agent.url}/jsonrpc`);
  const pools = [agent.url, bare.url, broker.url].map((url) => new Pool(url, { connections, pipelining: 1 }));
  try {
    const tenant = await market.addTenant('acme');
    const token = await market.callToken(tenant);
    const [direct, viaBare, viaBroker] = pools.map((pool, index) => {
      const path = index === 2 ? `/a2a/${market.agent}/jsonrpc` : '/jsonrpc';
      return (body: string) => post(pool, path, { authorization: `Bearer ${token}` }, body);
    }) as [Post, Post, Post];
    const requests = (count: number) => Array.from({ length: count }, (_, index) => rpc(index));

    await throughput(requests(warmUp), connections, viaBare);
    await throughput(requests(warmUp), connections, viaBroker);
    const rates: [number, number][] = [];
    for (let round = 0; round < rounds; round++)
      rates.push([
        await throughput(requests(calls / rounds), connections, viaBroker),
        await throughput(requests(calls / rounds), connections, viaBare),
      ]);
    const bound = await boundCaller(broker.url, market, tenant);
    await throughput(requests(warmUp / 4), connections, bound(pools[2] as Pool));
    const boundRate = await throughput(requests(calls / 4), connections, bound(pools[2] as Pool));
    const slow = await latencies(requests(2000), 200, viaBroker);
    const quick = await latencies(requests(2000), 200, direct);
    return [
      measure(
        'relay: calls',
        median(rates.map(([own]) => own)),
        '1/s',
        median(rates.map(([, limit]) => limit)),
      ),
      measure('relay: calls with a bound token (DPoP)', boundRate, '1/s', median(rates.map(([own]) => own))),
      measure('relay: added p50 at 200/s', median(slow) - median(quick), 'ms'),
      measure('relay: added p99 at 200/s', quantile(slow, 0.99) - quantile(quick, 0.99), 'ms'),
    ];
  } finally {
    await Promise.all(pools.map((pool) => pool.close()));
    await close();
    bare.child.kill();
    agent.child.kill();
  }
}

/** With a proof for each call, new and durably remembered; against the same calls with a Bearer token. */
async function boundCaller(
  broker: string,
  market: Market,
  tenant: MarketTenant,
): Promise<(pool: Pool) => Post> {
  const prover = await newProver();
  const token = await market.callToken(tenant, { dpop: prover.proof(`${broker}/oauth/token`) });
  const path = `/a2a/${market.agent}/jsonrpc`;
  return (pool) => (body) => {
    const headers = { authorization: `DPoP ${token}`, dpop: prover.proof(broker + path, token) };
    return post(pool, path, headers, body);
  };
}

type Post = (body: string) => Promise<void>;

async function post(
  pool: Pool,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Promise<void> {
  const answer = await pool.request({
    method: 'POST',
    path,
    headers: { 'content-type': 'application/json', 'a2a-version': '1.0', ...headers },
    body,
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200 || !text.includes('"result"')) throw new Error(`a call failed: ${text}`);
}

function rpc(id: number): string {
  const message = { messageId: `m-${id}`, role: 'ROLE_USER', parts: [{ text: 'x'.repeat(850) }] };
  return JSON.stringify({ jsonrpc: '2.0', id, method: 'SendMessage', params: { message } });
}

async function helper(
  file: string,
  ...args: readonly string[]
): Promise<{ url: string; child: ChildProcess }> {
  const child = spawn(process.execPath, ['--import', 'tsx', file, ...args], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const [url] = (await once(createInterface(child.stdout), 'line')) as [string];
  return { url, child };
}
