import { type Audit, createAudit } from '../../src/audit/index.ts';
import { createEvents } from '../../src/events/write-event.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import { createTenancy, type Tenancy } from '../../src/tenancy/index.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import type { TestEngine } from '../support/stores.ts';
import { type WatchedStore, watchStore } from './watched-store.ts';

export const operator: Principal = { kind: 'operator' };

export interface TenancyWorld {
  readonly tenancy: Tenancy;
  readonly audit: Audit;
  readonly clock: TestClock;
  readonly store: WatchedStore;
  /** What the registry says is on offer: agent -> published scopes. */
  readonly offered: Map<string, readonly string[]>;
  readonly plans: Set<string>;
  dispose(): Promise<void>;
}

export async function openTenancy(engine: TestEngine): Promise<TenancyWorld> {
  const clock = testClock();
  const opened = await engine.open(clock);
  const store = watchStore(opened.store);
  const audit = createAudit({ store, clock, ids: systemIds });
  const offered = new Map<string, readonly string[]>([
    ['skyways/flights', ['a2a:invoke', 'a2a:read', 'flights:book']],
  ]);
  const plans = new Set(['metered']);
  const tenancy = createTenancy({
    store,
    clock,
    ids: systemIds,
    audit,
    events: createEvents({ store, clock, ids: systemIds, brokerUrl: 'https://broker.example' }),
    agents: {
      publishedScopes: (agent) => Promise.resolve(offered.get(agent)),
      getProvider: (id) =>
        Promise.resolve([...offered.keys()].some((agent) => agent.startsWith(`${id}/`)) ? { id } : undefined),
    },
    plans: { exists: (key) => Promise.resolve(plans.has(key)) },
  });
  return { tenancy, audit, clock, store, offered, plans, dispose: () => opened.dispose() };
}
