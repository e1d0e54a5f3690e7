import type { Audit } from '../audit/index.ts';
import type { Events } from '../events/port.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Registry } from '../registry/index.ts';
import type { Store } from '../storage/port.ts';
import type { Log } from '../telemetry/log.ts';
import type { Tenancy } from '../tenancy/index.ts';
import type { Delegation } from '../trust/index.ts';
import type { BillingRepository } from './billing-repository.ts';
import type { Ledger } from './ledger.ts';
import type { Meters } from './meters.ts';
import type { Periods } from './period.ts';

export interface BillingDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly audit: Audit;
  readonly events: Events;
  readonly brokerUrl: string;
  readonly delegations: { find(id: string): Promise<Delegation | undefined> };
  readonly tenancy: Pick<Tenancy, 'findSubscription'>;
  readonly registry: Pick<Registry, 'getProvider'>;
}

export interface BillingContext extends BillingDeps {
  readonly repository: BillingRepository;
  readonly periods: Periods;
  readonly ledger: Ledger;
  readonly meters: Meters;
}
