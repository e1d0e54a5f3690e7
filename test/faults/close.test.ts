import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { call, type Market, openMarket } from '../support/market.ts';
import { documents, useForAMonth } from './month.ts';
import { everyItem } from './verify-load.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-close-'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** What depends on when the close began. */
function withoutDates(document: string): string {
  return document.replaceAll(/"(issuedAt|contentHash)":"[^"]+"/g, '"$1":""');
}

async function allOfIt(market: Market, period: string) {
  const made = await documents(market, period);
  return {
    documents: [...made].map(([id, text]) => [id, withoutDates(text)]),
    journal: await everyItem(market, `/v1/billing/periods/${period}/journal`),
    closed: { ...(await call(market, 'GET', `/v1/billing/periods/${period}`)), closingAt: '' },
  };
}

it('a close that is killed in the middle goes on to the very same books', async () => {
  const port = await freePort();
  const original = join(directory, 'original');
  const copy = join(directory, 'copy');
  let broker = await startBroker({ directory: original, port });
  const market = await openMarket({ url: broker.url, token: operatorToken }, 'http://127.0.0.1:9/jsonrpc');
  const period = await useForAMonth(market);
  expect(await broker.stop()).toBe(0);
  await cp(original, copy, { recursive: true });

  const path = `/v1/billing/periods/${period}`;
  const close = (at = market) => call(at, 'POST', `${path}/close`, { early: true });
  const state = async () => (await call<{ state: string }>(market, 'GET', path)).state;
  const [undisturbed, restarted] = await Promise.all([
    startBroker({ directory: copy, port: await freePort() }),
    startBroker({ directory: original, port }),
  ]);
  broker = restarted;
  const reference = { ...market, url: undisturbed.url };
  await close(reference);
  const expected = await allOfIt(reference, period);
  expect(expected.documents).toHaveLength(11);
  await undisturbed.stop();

  const interruptedAfter: number[] = [];
  const seen = new Map<string, string>();
  for (const afterMs of [0, 30]) {
    const closing = close().catch(() => 'killed');
    while ((await state()) === 'open') await delay(0);
    await delay(afterMs);
    await broker.kill();
    await closing;
    broker = await startBroker({ directory: original, port });
    if ((await state()) === 'closing') interruptedAfter.push(afterMs);
    // What is out is out: somebody may have downloaded it.
    const now = await documents(market, period);
    for (const [id, text] of seen) expect(now.get(id)).toBe(text);
    for (const [id, text] of now) seen.set(id, text);
  }
  expect(interruptedAfter).toContain(0);

  const first = await close();
  expect(await allOfIt(market, period)).toEqual(expected);
  const now = await documents(market, period);
  for (const [id, text] of seen) expect(now.get(id)).toBe(text);
  expect(await close()).toEqual(first);
  expect(await documents(market, period)).toEqual(now);
  expect(await broker.stop()).toBe(0);
}, 120_000);
