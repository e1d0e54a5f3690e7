import { createAudit } from '../../src/audit/index.ts';
import { type Billing, createBilling, type ObservedUsage } from '../../src/billing/index.ts';
import { createEvents } from '../../src/events/write-event.ts';
import { sha256 } from '../../src/kernel/digest.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { JsonValue } from '../../src/kernel/json.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import type { Page, Store, StoredRecord } from '../../src/storage/port.ts';
import { createLog } from '../../src/telemetry/log.ts';
import type { Tenancy } from '../../src/tenancy/index.ts';
import type { Delegation } from '../../src/trust/index.ts';
import { testClock, type TestClock } from '../support/clock.ts';
import { engines, type TestEngine } from '../support/stores.ts';

export const brokerUrl = 'https://broker.example.com';
export const operator: Principal = { kind: 'operator' };
export const day = 24 * 3_600_000;

export type Event = { readonly [key: string]: JsonValue };

/** What a test says about an event; the rest is a good one's. */
export interface EventInput {
  readonly id: string;
  readonly tenant?: string;
  readonly provider?: string;
  readonly agent?: string;
  readonly at?: number;
  readonly quantities?: Readonly<Record<string, string>>;
  readonly dimensions?: Readonly<Record<string, string>>;
}

export interface World {
  readonly store: Store;
  readonly clock: TestClock;
  readonly billing: Billing;
  /** Live: tests change it as they go. */
  readonly plans: Map<string, string>;
  /** `tenant agent` → the subscriptions there were, where one plan for all time is not enough. */
  readonly histories: Map<string, readonly { readonly plan?: string; readonly createdAt: number }[]>;
  readonly delegations: Map<string, Delegation>;
  /** Billing as another process on the same data, or on the same data through another door. */
  reopen(store?: Store, tenancy?: Pick<Tenancy, 'subscriptionHistory'>): Billing;
  delegate(change?: Partial<Delegation>): Delegation;
  event(input: EventInput, change?: Event): Event;
  observed(input: EventInput): ObservedUsage;
  dispose(): Promise<void>;
}

/** Billing in January 2026 on its own front door; tenants, providers and delegations are whatever the test says they are. */
export async function newWorld(engine: TestEngine = defaultEngine()): Promise<World> {
  const clock = testClock();
  const { store, dispose } = await engine.open(clock);
  const plans = new Map<string, string>();
  const histories: World['histories'] = new Map();
  const delegations = new Map<string, Delegation>();

  const subscriptions: Pick<Tenancy, 'subscriptionHistory'> = {
    subscriptionHistory: (tenant, agent) => {
      const plan = plans.get(`${tenant} ${agent}`);
      const always = [{ createdAt: 0, ...(plan === undefined ? {} : { plan }) }];
      const history = histories.get(`${tenant} ${agent}`) ?? always;
      return Promise.resolve(
        history.map((terms) => ({
          id: 'sub',
          tenant,
          agent,
          scopes: [],
          approver: 'operator',
          status: 'active',
          ...terms,
        })),
      );
    },
  };
  const reopen = (through: Store = store, tenancy = subscriptions): Billing =>
    createBilling({
      store: through,
      clock,
      log: createLog({ level: 'silent' }),
      audit: createAudit({ store: through, clock, ids: systemIds }),
      events: createEvents({ store: through, clock, ids: systemIds, brokerUrl }),
      brokerUrl,
      delegations: { find: (id) => Promise.resolve(delegations.get(id)) },
      tenancy,
      registry: {
        getProvider: (id) =>
          Promise.resolve(
            id === 'nobody'
              ? undefined
              : { id, name: id, domains: [], status: 'active', createdAt: 0, updatedAt: 0 },
          ),
      },
    });

  const world: World = {
    store,
    clock,
    billing: reopen(),
    plans,
    histories,
    delegations,
    reopen,
    dispose,
    delegate: (change = {}) => {
      const now = Math.floor(clock.now() / 1000);
      const delegation: Delegation = {
        id: sha256(`jti ${delegations.size}`),
        txn: 'txn-1',
        tenant: 'acme',
        provider: 'skyways',
        agent: 'skyways/flights',
        clientId: 'acme-app',
        scope: ['a2a:invoke'],
        issuedAt: now,
        expiresAt: now + 300,
        depth: 1,
        origin: { issuer: 'https://login.acme.example', subject: 'user-1' },
        chain: { delegations: [], clients: [], agents: [], agreements: [] },
        claims: {},
        ...change,
      };
      delegations.set(delegation.id, delegation);
      return delegation;
    },
    event: ({ quantities = { tokens: '1' }, ...input }, change = {}) => {
      const { tenant = 'acme', agent = 'skyways/flights', at = clock.now() } = input;
      const provider = input.provider ?? agent.slice(0, agent.indexOf('/'));
      return {
        specversion: '1.0',
        id: input.id,
        source: `urn:broker.example.com:provider:${provider}`,
        type: 'a2a.broker.usage.reported.v1',
        time: new Date(at).toISOString(),
        tenantid: tenant,
        providerid: provider,
        agentid: agent,
        delegationid: delegationFor(world, tenant, provider, agent, at).id,
        data: { quantities, ...(input.dimensions === undefined ? {} : { dimensions: input.dimensions }) },
        ...change,
      };
    },
    observed: ({ quantities = { calls: '1' }, ...input }) => {
      const { tenant = 'acme', agent = 'skyways/flights', at = clock.now() } = input;
      return {
        id: input.id,
        tenant,
        provider: agent.slice(0, agent.indexOf('/')),
        agent,
        callId: `call-${input.id}`,
        txn: 'txn-1',
        delegationId: sha256('jti'),
        at,
        quantities,
        ...(input.dimensions === undefined ? {} : { dimensions: input.dimensions }),
      };
    },
  };
  for (const key of ['tokens', 'pages'])
    await world.billing.meters.define(
      { key, unit: key, aggregation: 'sum', authority: 'provider' },
      operator,
    );
  return world;
}

function defaultEngine(): TestEngine {
  const [engine] = engines;
  if (engine === undefined) throw new Error('there is no engine');
  return engine;
}

/** The delegation of that moment, made when there is none. */
function delegationFor(
  world: World,
  tenant: string,
  provider: string,
  agent: string,
  at: number,
): Delegation {
  const seconds = Math.floor(at / 1000);
  for (const known of world.delegations.values())
    if (
      known.tenant === tenant &&
      known.provider === provider &&
      known.agent === agent &&
      seconds >= known.issuedAt &&
      seconds <= known.expiresAt
    )
      return known;
  return world.delegate({ tenant, provider, agent, issuedAt: seconds, expiresAt: seconds + 300 });
}

/** Each answer as `id status` or `id reason`. */
export async function ingest(
  world: Pick<World, 'billing'>,
  events: readonly JsonValue[],
  provider = 'skyways',
): Promise<readonly string[]> {
  const results = await world.billing.ingest(provider, events);
  return results.map(({ id, status, reason }) => `${id ?? '?'} ${reason ?? status}`);
}

/** Sum of a meter of everything that happened up to now, over all tenants, and of how many events. */
export async function usageOf(
  world: Pick<World, 'billing' | 'clock'>,
  meter: string,
): Promise<readonly [quantity: string, events: number]> {
  const now = world.clock.now();
  const rows = await world.billing.viewUsage({ from: now - 200 * day, to: now + day, meter, groupBy: [] });
  return [rows[0]?.quantity ?? '0', rows[0]?.events ?? 0];
}

/** Every month that has usage. */
export async function periodsOf({ billing }: Pick<World, 'billing'>): Promise<readonly string[]> {
  return (await billing.listPeriods({ limit: 200 })).items;
}

/** Everything that a paged list holds. */
export async function everything<T>(
  list: (page: { readonly limit: number; readonly cursor?: string }) => Promise<Page<T>>,
): Promise<readonly T[]> {
  const items: StoredRecord<T>[] = [];
  let cursor: string | undefined;
  do {
    const page: Page<T> = await list({ limit: 50, ...(cursor === undefined ? {} : { cursor }) });
    items.push(...page.items);
    cursor = page.cursor;
  } while (cursor !== undefined);
  return items.map(({ value }) => value);
}
