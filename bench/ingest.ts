import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { Pool } from 'undici';
import { openLmdbStore } from '../src/storage/lmdb/index.ts';
import { call, type Market } from '../test/support/market.ts';
import { benchBroker } from './broker.ts';
import { type Measure, measure, median, throughput } from './measure.ts';

const perBatch = 100;
const batches = 300;
const warmUp = 60;
const connections = 16;

/**
 * Batches of 100 reported events over HTTP: validated, bound to a delegation, deduplicated, durable. The limit is the engine
 * alone: the same number of records of the same size in commits of the same shape, from memory.
 */
export async function ingest(): Promise<readonly Measure[]> {
  const limit = await rawCommitLimit();
  const { broker, market, close } = await benchBroker('http://127.0.0.1:9/jsonrpc');
  const pool = new Pool(broker.url, { connections, pipelining: 1 });
  try {
    await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
    const tenant = await market.addTenant('acme');
    const jti = String(decodeJwt(await market.callToken(tenant)).jti);
    const delegation = createHash('sha256').update(jti).digest('base64url');
    const token = await market.providerToken();
    const send = async (body: string): Promise<void> => {
      const answer = await pool.request({
        method: 'POST',
        path: '/v1/usage/events',
        headers: { 'content-type': 'application/cloudevents-batch+json', authorization: `Bearer ${token}` },
        body,
      });
      const text = await answer.body.text();
      if (answer.statusCode !== 200 || text.includes('rejected'))
        throw new Error(`a batch was refused: ${text}`);
    };
    const bodies = (count: number) => Array.from({ length: count }, () => batch(market, delegation));
    await throughput(bodies(warmUp), connections, send);
    const perSecond = await throughput(bodies(batches), connections, send);
    return [measure('ingest: events', perSecond * perBatch, '1/s', limit)];
  } finally {
    await pool.close();
    await close();
  }
}

function batch(market: Market, delegation: string): string {
  const events = Array.from({ length: perBatch }, () => ({
    specversion: '1.0',
    id: randomUUID(),
    source: `urn:${new URL(market.url).host}:provider:${market.provider}`,
    type: 'a2a.broker.usage.reported.v1',
    subject: `acme/${market.agent}`,
    time: new Date().toISOString(),
    datacontenttype: 'application/json',
    tenantid: 'acme',
    providerid: market.provider,
    agentid: market.agent,
    delegationid: delegation,
    data: { quantities: { searches: '1' } },
  }));
  return JSON.stringify(events);
}

/** Events a second when all that happens is that their three records become durable. */
async function rawCommitLimit(): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'broker-bench-raw-'));
  const store = openLmdbStore({ clock: { now: () => Date.now() }, directory });
  const factsPerCommit = 30;
  const value = { padding: 'x'.repeat(450) };
  const commit = async () => {
    const writes = Array.from({ length: factsPerCommit }, () => randomUUID()).flatMap((id) => [
      { op: 'putIfAbsent' as const, partition: `key#${id}`, sort: 'key', value: { digest: id } },
      { op: 'put' as const, partition: 'tenant', sort: id, value },
      { op: 'put' as const, partition: 'provider', sort: id, value },
    ]);
    await store.commit(writes);
  };
  try {
    await throughput(Array(200).fill(0), 64, commit);
    const rates = [];
    for (let round = 0; round < 3; round++) rates.push(await throughput(Array(600).fill(0), 64, commit));
    return median(rates) * factsPerCommit;
  } finally {
    await store.close();
    await rm(directory, { recursive: true, force: true });
  }
}
