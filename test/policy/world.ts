import { createAudit, type Audit } from '../../src/audit/index.ts';
import { createEvents } from '../../src/events/write-event.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { Principal } from '../../src/kernel/principal.ts';
import { createPolicies, type ExchangeFacts, type Policies } from '../../src/policy/index.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import type { Store } from '../../src/storage/port.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { type TestClock, testClock } from '../support/clock.ts';

export const operator: Principal = { kind: 'operator' };

export interface PolicyWorld {
  readonly policies: Policies;
  readonly audit: Audit;
  readonly clock: TestClock;
  readonly store: Store;
}

/** The real room; every party exists but those whose name begins with "no-". */
export async function openPolicies(
  engine: (clock: TestClock) => Store = (clock) => openMemoryStore({ clock }),
  clock: TestClock = testClock(),
): Promise<PolicyWorld> {
  const store = engine(clock);
  const base = { store, clock, ids: systemIds, log: createLog({ level: 'silent' }) };
  const audit = createAudit(base);
  const events = createEvents({ ...base, brokerUrl: 'https://broker.example' });
  const exists = (id: string) => Promise.resolve(id.startsWith('no-') ? undefined : ({ id } as never));
  const policies = await createPolicies({
    ...base,
    audit,
    events,
    registry: { getProvider: exists },
    tenancy: { getTenant: exists },
  });
  return { policies, audit, clock, store };
}

/** A first hop: acme's own program asks for a token for skyways/flights. */
export function factsOf(changes: Partial<ExchangeFacts> = {}): ExchangeFacts {
  return {
    client: { id: 'acme-app', owner: 'tenant:acme' },
    agent: {
      id: 'skyways/flights',
      tags: ['travel'],
      skills: ['search', 'book'],
      scopes: ['a2a:invoke', 'a2a:read'],
    },
    tenant: { id: 'acme', tier: 'standard', region: 'eu-central-1' },
    scopes: ['a2a:invoke'],
    depth: 1,
    actors: ['acme-app'],
    through: [],
    at: Date.parse('2026-11-25T10:00:00Z'),
    issuer: 'https://login.acme.example',
    ...changes,
  };
}

export const forbid = (condition: string) => `forbid(principal, action, resource) when { ${condition} };`;
export const permit = (condition: string) => `permit(principal, action, resource) when { ${condition} };`;
