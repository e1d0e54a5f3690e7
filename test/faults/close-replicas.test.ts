import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { BrokerProcess } from '../support/broker-process.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { call, type Market, openMarket } from '../support/market.ts';
import { newReplicas, type Replicas } from '../support/replicas.ts';
import { documents, useForAMonth } from './month.ts';
import { everyItem } from './verify-load.ts';

describe.skipIf(dynamoDbEndpoint === undefined)('two replicas that close the same month', () => {
  let replicas: Replicas;
  let paused: BrokerProcess;
  let onA: Market;
  let onB: Market;
  let period: string;
  beforeEach(async () => {
    replicas = await newReplicas();
    const [a, b] = await Promise.all([replicas.start(), replicas.start()]);
    paused = a;
    onA = await openMarket(replicas.operatorAt(a), 'http://127.0.0.1:9/jsonrpc');
    onB = onA.through(b.url);
    period = await useForAMonth(onA, 2);
  }, 120_000);
  afterEach(() => replicas.dispose());

  const close = (market: Market) =>
    call(market, 'POST', `/v1/billing/periods/${period}/close`, { early: true });
  const state = async () =>
    (await call<{ state: string }>(onB, 'GET', `/v1/billing/periods/${period}`)).state;
  const books = async () => ({
    documents: await documents(onB, period),
    journal: await everyItem(onB, `/v1/billing/periods/${period}/journal`),
    record: await call(onB, 'GET', `/v1/billing/periods/${period}`),
  });

  async function expectOneClose(): Promise<void> {
    const invoices = await everyItem<{ number: string }>(onB, `/v1/invoices?period=${period}`);
    expect(invoices).toHaveLength(2);
    expect(new Set(invoices.map(({ number }) => number)).size).toBe(2);
    const closed = await everyItem<{ action: string }>(onB, '/v1/audit');
    expect(closed.filter(({ action }) => action === 'period.close')).toHaveLength(1);
  }

  it('at the same moment make one set of books, and give one answer', async () => {
    const [first, second] = await Promise.all([close(onA), close(onB)]);
    expect(first).toEqual(second);
    expect(first).toMatchObject({ state: 'closed', invoices: 2, tieOut: [{ ok: true }] });
    await expectOneClose();
  }, 60_000);

  it('one of which was paused in the middle: it wakes up and changes nothing', async () => {
    const closing = close(onA);
    while ((await state()) === 'open');
    process.kill(paused.pid, 'SIGSTOP');
    try {
      expect(await state()).toBe('closing');
      const record = await close(onB);
      const before = await books();
      expect(before.documents.size).toBe(3);
      process.kill(paused.pid, 'SIGCONT');
      expect(await closing).toEqual(record);
      expect(await books()).toEqual(before);
    } finally {
      process.kill(paused.pid, 'SIGCONT');
    }
    await expectOneClose();
  }, 60_000);
});
