import { Pool } from 'undici';
import { call } from '../test/support/market.ts';
import { cpuSeconds } from '../test/support/process-facts.ts';
import { benchBroker } from './broker.ts';
import { type Measure, measure, median, throughput } from './measure.ts';
import { formOf } from './token-exchange.ts';

const connections = 16;
const exchanges = 2000;
/** Each kind is measured several times in turn: on a busy machine one time is no figure. */
const rounds = 3;

/**
 * What policies add to an exchange: none, 10 of the operator, and 50 each of the operator and the tenant. None of them forbids it, so each
 * is asked. The limit is the same exchange without policies.
 */
export async function policy(): Promise<readonly Measure[]> {
  const { broker, market, close } = await benchBroker('http://127.0.0.1:9/jsonrpc');
  try {
    const tenant = await market.addTenant('acme');
    /** Over new connections: the broker ends one that has carried a thousand requests. */
    const exchangeAll = async (count: number): Promise<void> => {
      const pool = new Pool(broker.url, { connections, pipelining: 1 });
      const bodies = Array.from({ length: count }, () => formOf(tenant, broker.url, market.agent));
      await throughput(bodies, connections, (body) => exchange(pool, body));
      await pool.close();
    };
    const perCpuSecond = async (): Promise<number> => {
      await exchangeAll(300);
      const before = cpuSeconds(broker.pid) ?? Number.NaN;
      await exchangeAll(exchanges);
      return exchanges / ((cpuSeconds(broker.pid) ?? Number.NaN) - before);
    };
    const enable = async (owner: string, enabled: number, of: number): Promise<void> => {
      for (let at = 0; at < of; at++)
        await call(market, 'PUT', `/v1/policies/p${at}?owner=${owner}`, {
          text: text(at),
          enabled: at < enabled,
        });
    };

    await exchangeAll(2000);
    for (const owner of ['operator', 'tenant:acme'])
      for (let at = 0; at < 50; at++)
        await call(market, 'POST', '/v1/policies', { id: `p${at}`, owner, text: text(at), enabled: false });
    const rates: Record<'none' | 'ten' | 'hundred', number[]> = { none: [], ten: [], hundred: [] };
    for (let round = 0; round < rounds; round++) {
      rates.none.push(await perCpuSecond());
      await enable('operator', 10, 10);
      rates.ten.push(await perCpuSecond());
      await enable('operator', 50, 50);
      await enable('tenant:acme', 50, 50);
      rates.hundred.push(await perCpuSecond());
      await enable('operator', 0, 50);
      await enable('tenant:acme', 0, 50);
    }
    const none = median(rates.none);
    const rate = (name: string, value: number) =>
      measure(`policy: exchanges a second of processor time, ${name}`, value, '1/s', none);
    const added = (name: string, value: number) =>
      measure(`policy: added to an exchange, ${name}`, 1000 / value - 1000 / none, 'ms');
    return [
      rate('none', none),
      rate('10', median(rates.ten)),
      rate('2 x 50', median(rates.hundred)),
      added('10', median(rates.ten)),
      added('2 x 50', median(rates.hundred)),
    ];
  } finally {
    await close();
  }
}

async function exchange(pool: Pool, body: string): Promise<void> {
  const answer = await pool.request({
    method: 'POST',
    path: '/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body,
  });
  const said = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`an exchange was refused: ${said}`);
}

function text(at: number): string {
  return `forbid(principal, action, resource in Provider::"p${at}") when { context.tier == "t${at}" && context.scopes.contains("s${at}") };`;
}
