import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { Pool } from 'undici';
import { cpuSeconds } from '../test/support/process-facts.ts';
import type { MarketTenant } from '../test/support/market.ts';
import { benchBroker } from './broker.ts';
import { exchangeForm } from './exchange-form.ts';
import { latencies, type Measure, measure, median, quantile, throughput } from './measure.ts';

const exchanges = 12_000;
const warmUp = 2000;
const connections = 32;

/**
 * ES256 everywhere, every assertion and every subject token new, audit and replay guard durable before the answer. The limit
 * is what one core can do of the bare signatures that an exchange needs: two verifications and one signature.
 */
export async function tokenExchange(): Promise<readonly Measure[]> {
  const limit = rawCryptoLimit();
  const { broker, market, close } = await benchBroker('http://127.0.0.1:9/jsonrpc');
  const pool = new Pool(broker.url, { connections, pipelining: 1 });
  try {
    const tenant = await market.addTenant('acme');
    const form = (count: number) =>
      Array.from({ length: count }, () => formOf(tenant, broker.url, market.agent));
    const exchange = async (body: string): Promise<void> => {
      const answer = await pool.request({
        method: 'POST',
        path: '/oauth/token',
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body,
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200) throw new Error(`an exchange was refused: ${text}`);
    };
    await throughput(form(warmUp), connections, exchange);
    const forms = form(exchanges);
    const cpuBefore = cpuSeconds(broker.pid);
    const perSecond = await throughput(forms, connections, exchange);
    const cpu = cpuOf(cpuBefore, cpuSeconds(broker.pid));
    const atHalfLoad = await latencies(form(3000), perSecond / 2, exchange);
    return [
      measure('token-exchange: exchanges', perSecond, '1/s', limit.byClock),
      ...(cpu === undefined
        ? []
        : [
            measure(
              'token-exchange: exchanges a second of processor time',
              exchanges / cpu,
              '1/s',
              limit.byCpu,
            ),
          ]),
      measure('token-exchange: p50 at half load', median(atHalfLoad), 'ms'),
      measure('token-exchange: p99 at half load', quantile(atHalfLoad, 0.99), 'ms'),
    ];
  } finally {
    await pool.close();
    await close();
  }
}

export function formOf(
  { client, clientId, idp, issuer }: MarketTenant,
  broker: string,
  audience: string,
): string {
  return exchangeForm({
    broker,
    client: { id: clientId, key: client },
    subject: { iss: issuer, aud: 'app', key: idp },
    audience,
  });
}

function cpuOf(before: number | undefined, after: number | undefined): number | undefined {
  return before === undefined || after === undefined ? undefined : after - before;
}

/** A second, by the clock and of processor time: on a machine that does other things too the second one is the steadier. */
function rawCryptoLimit(): { readonly byClock: number; readonly byCpu: number } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = createPublicKey(privateKey);
  const payload = Buffer.alloc(500, 'x');
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  const signature = sign('sha256', payload, key);
  const round = () => {
    for (let twice = 0; twice < 2; twice++)
      if (!verify('sha256', payload, { key: publicKey, dsaEncoding: 'ieee-p1363' }, signature))
        throw new Error('?');
    sign('sha256', payload, key);
  };
  for (let index = 0; index < 500; index++) round();
  const rates = Array.from({ length: 5 }, () => {
    const start = performance.now();
    const startCpu = process.cpuUsage();
    for (let index = 0; index < 2000; index++) round();
    const { user, system } = process.cpuUsage(startCpu);
    return { byClock: (2000 / (performance.now() - start)) * 1000, byCpu: (2000 / (user + system)) * 1e6 };
  });
  return {
    byClock: median(rates.map(({ byClock }) => byClock)),
    byCpu: median(rates.map(({ byCpu }) => byCpu)),
  };
}
