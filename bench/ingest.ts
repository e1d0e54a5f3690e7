import { createHash, randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { decodeJwt } from 'jose';
import { Pool } from 'undici';
import { usageShards } from '../src/billing/usage-repository.ts';
import { openLmdbStore } from '../src/storage/lmdb/index.ts';
import { call, type Market } from '../test/support/market.ts';
import { benchBroker } from './broker.ts';
import { type Measure, measure, median, throughput } from './measure.ts';

const eventsPerBatch = 100;
const batchesPerRound = 200;
const warmUpBatches = 100;
const rounds = 5;
const connections = 16;
/** As the ledger commits: so many facts of two records each, and a guard. */
const factsPerCommit = 40;
const commitsPerRound = 600;
const commitsAtOnce = 64;

/**
 * Batches of reported events over HTTP: validated, bound to a delegation, deduplicated, durable. The limit is the engine alone: the
 * same records in commits of the same shape, from memory. Rounds of both take turns, so that a busy machine slows both.
 */
export async function ingest(): Promise<readonly Measure[]> {
  const raw = await openRawStore();
  const { broker, market, close } = await benchBroker('http://127.0.0.1:9/jsonrpc');
  const pool = new Pool(broker.url, { connections, pipelining: 1 });
  try {
    await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
    const jti = String(decodeJwt(await market.callToken(await market.addTenant('acme'))).jti);
    const delegation = createHash('sha256').update(jti).digest('base64url');
    const send = sender(pool, await market.providerToken());
    const bodies = (count: number) => Array.from({ length: count }, () => batch(market, delegation));
    await throughput(bodies(warmUpBatches), connections, send);
    await raw.factsPerSecond();
    const ingested = [];
    const limits = [];
    for (let round = 0; round < rounds; round++) {
      limits.push(await raw.factsPerSecond());
      ingested.push((await throughput(bodies(batchesPerRound), connections, send)) * eventsPerBatch);
    }
    return [measure('ingest: events', median(ingested), '1/s', median(limits))];
  } finally {
    await pool.close();
    await close();
    await raw.close();
  }
}

function sender(pool: Pool, token: string): (body: string) => Promise<void> {
  return async (body) => {
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
}

function batch(market: Market, delegation: string): string {
  const events = Array.from({ length: eventsPerBatch }, () => ({
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

async function openRawStore() {
  const directory = await mkdtemp(join(tmpdir(), 'broker-bench-raw-'));
  const store = openLmdbStore({ clock: { now: () => Date.now() }, directory });
  const digest = 'd'.repeat(43);
  const commit = async () => {
    const guard = { op: 'check', partition: 'frontier', sort: 'frontier', version: null } as const;
    const facts = Array.from({ length: factsPerCommit }, () => {
      const key = randomUUID();
      const sort = `skyways/flights#${String(Date.now()).padStart(14, '0')}#${key}`;
      return [
        {
          op: 'putIfAbsent',
          partition: `usage-key#${key}`,
          sort: 'key',
          value: { digest, period: '2026-01' },
        },
        { op: 'put', partition: usageShards('2026-01', 'acme').of(key), sort, value: fact(key, digest) },
      ] as const;
    });
    await store.commit([guard, ...facts.flat()]);
  };
  return {
    /** When all that happens is that their records become durable. */
    factsPerSecond: async () =>
      (await throughput(Array(commitsPerRound).fill(0), commitsAtOnce, commit)) * factsPerCommit,
    close: async () => {
      await store.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

/** What the ledger keeps of an event of {@link batch}. */
function fact(id: string, digest: string) {
  return {
    key: digest,
    kind: 'reported',
    id,
    source: 'urn:127.0.0.1:40000:provider:skyways',
    tenant: 'acme',
    provider: 'skyways',
    agent: 'skyways/flights',
    callId: digest,
    txn: 'txn_01990000000000000000000000000000',
    delegationId: digest,
    at: 1_767_225_600_000,
    recordedAt: 1_767_225_600_000,
    quantities: { searches: '1' },
    period: '2026-01',
    chargePeriod: '2026-01',
  };
}
