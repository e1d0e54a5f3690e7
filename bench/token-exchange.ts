import { createPublicKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { Pool } from 'undici';
import { cpuSeconds } from '../test/support/process-facts.ts';
import type { MarketTenant } from '../test/support/market.ts';
import { benchBroker } from './broker.ts';
import { exchangeForm } from './exchange-form.ts';
import { newProver } from './proof.ts';
import { latencies, type Measure, measure, median, quantile, throughput } from './measure.ts';

const exchanges = 12_000;
const warmUp = 2000;
const connections = 32;

/**
 * ES256 everywhere, every assertion, subject token and proof new, audit and replay guards durable before the answer. The limit is what
 * one core can do of the bare signatures that an exchange needs: two verifications and one signature, and with a proof of possession
 * (RFC 9449) one verification more.
 */
export async function tokenExchange(): Promise<readonly Measure[]> {
  const { broker, market, close } = await benchBroker('http://127.0.0.1:9/jsonrpc');
  const pool = new Pool(broker.url, { connections, pipelining: 1 });
  try {
    const tenant = await market.addTenant('acme');
    const prover = await newProver();
    const forms = () => formOf(tenant, broker.url, market.agent);
    const bearer = () => ({ body: forms(), headers: {} });
    const bound = () => ({ body: forms(), headers: { dpop: prover.proof(`${broker.url}/oauth/token`) } });
    const exchange = (request: Request) => send(pool, request);
    return [
      ...(await load('token-exchange', { pid: broker.pid, make: bearer, exchange, verifications: 2 })),
      ...(await load('token-exchange, DPoP', { pid: broker.pid, make: bound, exchange, verifications: 3 })),
    ];
  } finally {
    await pool.close();
    await close();
  }
}

interface Request {
  readonly body: string;
  readonly headers: Readonly<Record<string, string>>;
}

async function send(pool: Pool, { body, headers }: Request): Promise<void> {
  const answer = await pool.request({
    method: 'POST',
    path: '/oauth/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
    body,
  });
  const text = await answer.body.text();
  if (answer.statusCode !== 200) throw new Error(`an exchange was refused: ${text}`);
}

async function load(
  name: string,
  {
    pid,
    make,
    exchange,
    verifications,
  }: {
    readonly pid: number;
    readonly make: () => Request;
    readonly exchange: (request: Request) => Promise<void>;
    readonly verifications: number;
  },
): Promise<readonly Measure[]> {
  const limit = rawCryptoLimit(verifications);
  const requests = (count: number) => Array.from({ length: count }, make);
  await throughput(requests(warmUp), connections, exchange);
  const all = requests(exchanges);
  const cpuBefore = cpuSeconds(pid);
  const perSecond = await throughput(all, connections, exchange);
  const cpu = cpuOf(cpuBefore, cpuSeconds(pid));
  const atHalfLoad = await latencies(requests(3000), perSecond / 2, exchange);
  return [
    measure(`${name}: exchanges`, perSecond, '1/s', limit.byClock),
    ...(cpu === undefined
      ? []
      : [measure(`${name}: a second of processor time`, exchanges / cpu, '1/s', limit.byCpu)]),
    measure(`${name}: p50 at half load`, median(atHalfLoad), 'ms'),
    measure(`${name}: p99 at half load`, quantile(atHalfLoad, 0.99), 'ms'),
  ];
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
function rawCryptoLimit(verifications: number): { readonly byClock: number; readonly byCpu: number } {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKey = createPublicKey(privateKey);
  const payload = Buffer.alloc(500, 'x');
  const key = { key: privateKey, dsaEncoding: 'ieee-p1363' as const };
  const signature = sign('sha256', payload, key);
  const round = () => {
    for (let time = 0; time < verifications; time++)
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
