import { expect } from 'vitest';
import { type AuditRecord, createChainVerifier } from '../../src/audit/index.ts';
import type { Delegation } from '../../src/trust/model.ts';
import type { UsageRecord } from '../../src/billing/usage-record.ts';
import { openLine } from '../support/a2a.ts';
import type { Acknowledged } from '../support/load.ts';
import { call, type Market, type MarketTenant } from '../support/market.ts';
import { dumpStore } from '../support/store-dump.ts';
import { reportUsage } from '../support/usage.ts';

interface Items<T> {
  readonly items: T[];
  readonly nextCursor?: string;
}

/** All pages of a list. */
export async function everyItem<T>(market: Market, path: string): Promise<readonly T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const url = new URL(path, market.url);
    url.searchParams.set('limit', '200');
    if (cursor !== undefined) url.searchParams.set('cursor', cursor);
    const page = await call<Items<T>>(market, 'GET', url.pathname + url.search);
    items.push(...page.items);
    cursor = page.nextCursor;
  } while (cursor !== undefined);
  return items;
}

/** What the broker says of itself over its API: each acknowledged thing is there, once. */
export async function verifyByApi(
  market: Market,
  { tokens, calls, events }: Acknowledged,
  tenants: readonly MarketTenant[],
): Promise<void> {
  const entries = await everyItem<AuditEntry>(market, '/v1/audit');
  const issued = countBy(
    entries.filter(({ action, outcome }) => action === 'token.exchange' && outcome === 'allowed'),
    ({ detail }) => detail?.delegation ?? '',
  );
  expect(tokens.filter(({ delegation }) => issued.get(delegation) !== 1)).toEqual([]);

  // What was used up stays used up.
  for (const { form } of tokens.slice(-10)) {
    const again = await fetch(`${market.url}/oauth/token`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form,
    });
    expect([again.status, await again.json()]).toMatchObject([401, { error: 'invalid_client' }]);
  }

  const provider = await market.providerToken();
  for (let start = 0; start < events.length; start += 500) {
    const results = await reportUsage(market, provider, events.slice(start, start + 500));
    expect(results.filter(({ status }) => status !== 'duplicate')).toEqual([]);
  }

  const lines = new Map(
    await Promise.all(tenants.map(async (tenant) => [tenant.id, await openLine(market, tenant)] as const)),
  );
  for (const { tenant, task } of calls) {
    const answer = await lines.get(tenant.id)?.call('GetTask', { id: task });
    expect(answer?.body.result).toMatchObject({ id: task });
  }
  const [stranger] = tenants.filter(({ id }) => id !== calls[0]?.tenant.id);
  const foreign = await lines.get(stranger?.id ?? '')?.call('GetTask', { id: calls[0]?.task });
  expect(foreign?.reason).toBe('TASK_NOT_FOUND');
}

interface AuditEntry {
  readonly action: string;
  readonly outcome: string;
  readonly detail?: { readonly delegation?: string };
}

/** Sums of the ledger, by tenant and meter. */
type Sums = Record<string, Record<string, string>>;

export async function usageByApi(market: Market): Promise<Sums> {
  const from = new Date(Date.now() - 86_400_000).toISOString();
  const { items } = await call<Items<{ tenant: string; meter: string; quantity: string }>>(
    market,
    'GET',
    `/v1/usage?groupBy=tenant,meter&from=${from}`,
  );
  const sums: Sums = {};
  for (const { tenant, meter, quantity } of items) (sums[tenant] ??= {})[meter] = quantity;
  return sums;
}

/** Closes all months that have usage; the books balance. Answers the quantities that were invoiced. */
export async function closeAll(market: Market, cents: Readonly<Record<string, bigint>>): Promise<Sums> {
  const { items: periods } = await call<Items<{ period: string }>>(market, 'GET', '/v1/billing/periods');
  const billed = new Map<string, Map<string, bigint>>();
  for (const { period } of periods) {
    const closed = await call<{ tieOut: { ok: boolean; invoiced: string }[] }>(
      market,
      'POST',
      `/v1/billing/periods/${period}/close`,
      { early: true },
    );
    expect(closed.tieOut.map(({ ok }) => ok)).toEqual([true]);
    let total = 0n;
    for (const { id } of await everyItem<{ id: string }>(market, `/v1/invoices?period=${period}`)) {
      const invoice = await call<Invoice>(market, 'GET', `/v1/invoices/${id}`);
      for (const { meter, quantity, amount } of invoice.lines) {
        expect(centsOf(amount)).toBe(BigInt(quantity) * (cents[meter] ?? 0n));
        const sums = billed.get(invoice.tenant) ?? new Map<string, bigint>();
        billed.set(invoice.tenant, sums.set(meter, (sums.get(meter) ?? 0n) + BigInt(quantity)));
        total += centsOf(amount);
      }
    }
    expect(centsOf(closed.tieOut[0]?.invoiced ?? '')).toBe(total);
  }
  return Object.fromEntries(
    [...billed].map(([tenant, sums]) => [
      tenant,
      Object.fromEntries([...sums].map(([meter, sum]) => [meter, String(sum)])),
    ]),
  );
}

interface Invoice {
  readonly tenant: string;
  readonly lines: readonly { readonly meter: string; readonly quantity: string; readonly amount: string }[];
}

function centsOf(amount: string): bigint {
  return BigInt(amount.replace('.', ''));
}

/** What is in the store itself, read without the broker. Answers the fold of all usage. */
export async function verifyInStore(
  directory: string,
  { tokens, calls, events }: Acknowledged,
): Promise<Sums> {
  const records = await dumpStore(directory);
  const delegations = new Map(
    records
      .filter(({ partition }) => partition.startsWith('delegation#'))
      .map(({ value }) => [(value as Delegation).id, value as Delegation]),
  );
  expect(
    tokens.filter(({ delegation, tenant }) => delegations.get(delegation)?.tenant !== tenant.id),
  ).toEqual([]);

  // A log for each start, whatever was under way when it was killed.
  const chain = createChainVerifier();
  const entries = records.filter(({ partition }) => partition.startsWith('audit#'));
  for (const { value } of entries.toSorted((a, b) => (a.sort < b.sort ? -1 : 1)))
    chain.add(value as AuditRecord);
  expect(chain.end()).toMatchObject({ problems: [], unchained: 0 });

  const ledger = records
    .filter(({ partition }) => partition.startsWith('usage#'))
    .map(({ value }) => value as UsageRecord);
  const indexed = new Set(
    records
      .filter(({ partition }) => partition.startsWith('usage-tenants-of#'))
      .map(({ partition, sort }) => `${partition} ${sort}`),
  );
  const keys = records.filter(({ partition }) => partition.startsWith('usage-key#'));
  expect(new Set(ledger.map(({ key }) => key)).size).toBe(ledger.length);
  expect(
    ledger.filter(
      ({ period, provider, tenant }) => !indexed.has(`usage-tenants-of#${period}#${provider} ${tenant}`),
    ),
  ).toEqual([]);
  expect(keys).toHaveLength(ledger.length);

  const reported = countBy(
    ledger.filter(({ kind }) => kind === 'reported'),
    ({ id }) => id,
  );
  expect(events.filter(({ id }) => reported.get(String(id)) !== 1)).toEqual([]);

  // A call's usage is bound to the token that went upstream; that token's parent is the caller's.
  const observed = countBy(
    ledger.filter(({ kind }) => kind === 'observed'),
    ({ id, delegationId }) => `${delegations.get(delegationId)?.parent} ${id.slice(id.lastIndexOf(':') + 1)}`,
  );
  const wrong = calls.filter(
    ({ delegation, isStream, isWhole }) =>
      observed.get(`${delegation} call`) !== 1 ||
      (isStream && isWhole && observed.get(`${delegation} stream`) !== 1),
  );
  expect(wrong).toEqual([]);
  const ended = countBy(ledger, ({ id }) => id);
  expect(
    calls.filter(
      ({ task, isWhole }) => isWhole && ended.get(`task:skyways/flights:${task}:TASK_STATE_COMPLETED`) !== 1,
    ),
  ).toEqual([]);
  return foldOf(ledger);
}

function foldOf(ledger: readonly UsageRecord[]): Sums {
  const sums: Record<string, Record<string, bigint>> = {};
  for (const { tenant, quantities } of ledger)
    for (const [meter, quantity] of Object.entries(quantities)) {
      const own = (sums[tenant] ??= {});
      own[meter] = (own[meter] ?? 0n) + BigInt(quantity);
    }
  return Object.fromEntries(
    Object.entries(sums).map(([tenant, own]) => [
      tenant,
      Object.fromEntries(Object.entries(own).map(([meter, sum]) => [meter, String(sum)])),
    ]),
  );
}

function countBy<T>(items: readonly T[], keyOf: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(keyOf(item), (counts.get(keyOf(item)) ?? 0) + 1);
  return counts;
}
