import { randomBytes } from 'node:crypto';
import { type Audit, createAudit } from '../../src/audit/index.ts';
import type { Events } from '../../src/events/port.ts';
import { createEvents } from '../../src/events/write-event.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import { createOutbound } from '../../src/outbound/index.ts';
import type { Outbound } from '../../src/outbound/port.ts';
import { createPolicies, type Policies } from '../../src/policy/index.ts';
import { createRegistry, type Registry } from '../../src/registry/index.ts';
import type { Store } from '../../src/storage/port.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { createTenancy, type Tenancy } from '../../src/tenancy/index.ts';
import { createKeys, localKeyEncryption, createTrust, type Trust } from '../../src/trust/index.ts';
import { type TestClock, testClock } from '../support/clock.ts';
import type { TestEngine } from '../support/stores.ts';
import { type WatchedStore, watchStore } from '../tenancy/watched-store.ts';

export const brokerUrl = 'https://broker.example';
export const operator: Principal = { kind: 'operator' };

export interface TrustWorld {
  readonly trust: Trust;
  /** The room once more on the same store, with nothing in its memory: another replica, or after a restart. */
  readonly again: () => Trust;
  readonly registry: Registry;
  readonly tenancy: Tenancy;
  readonly policies: Policies;
  readonly audit: Audit;
  readonly events: Events;
  readonly keys: Awaited<ReturnType<typeof createKeys>>;
  readonly clock: TestClock;
  readonly store: WatchedStore;
  dispose(): Promise<void>;
}

export interface WorldOptions {
  /** Stands between the rooms and the engine, to make it fail. */
  readonly wrap?: (store: Store) => Store;
  readonly outbound?: Partial<Pick<Outbound, 'fetch' | 'resolveTxt'>>;
}

/** The real trust room on real neighbours; the clock stands still until told otherwise. */
export async function openTrust(engine: TestEngine, options: WorldOptions = {}): Promise<TrustWorld> {
  const clock = testClock();
  const opened = await engine.open(clock);
  const store = watchStore(options.wrap?.(opened.store) ?? opened.store);
  const log = createLog({ level: 'silent' });
  const real = createOutbound({ log, allowPrivateNetwork: true });
  const audit = createAudit({ store, clock, ids: systemIds });
  const events = createEvents({ store, clock, ids: systemIds, brokerUrl });
  const outbound = { ...real, ...options.outbound };
  const base = { store, clock, ids: systemIds, log, outbound, audit, events, brokerUrl };
  const keys = await createKeys({ ...base, encryption: localKeyEncryption(randomBytes(32)) });
  const registry = createRegistry({ ...base, cardSigner: keys.cardSigner() });
  const plans = { exists: () => Promise.resolve(false) };
  const tenancy = createTenancy({ ...base, agents: registry, plans });
  const policies = await createPolicies({ ...base, registry, tenancy });
  const again = () => createTrust({ ...base, keys, registry, tenancy, policies });
  return {
    trust: again(),
    again,
    registry,
    tenancy,
    policies,
    audit,
    events,
    keys,
    clock,
    store,
    dispose: async () => {
      await real.close();
      await opened.dispose();
    },
  };
}

/** The same world through another replica. */
export function anotherTrust(world: TrustWorld): TrustWorld {
  return { ...world, trust: world.again() };
}
