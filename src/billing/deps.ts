import type { Audit } from '../audit/index.ts';
import type { Events } from '../events/port.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Registry } from '../registry/index.ts';
import type { Store } from '../storage/port.ts';
import type { Log } from '../telemetry/log.ts';
import type { Tenancy } from '../tenancy/index.ts';
import type { Delegation } from '../trust/index.ts';
import type { BilledRepository } from './billed-repository.ts';
import type { BooksRepository } from './books-repository.ts';
import type { DraftRepository } from './draft-repository.ts';
import type { Ledger } from './ledger.ts';
import type { Meters } from './meters.ts';
import type { Periods } from './period-repository.ts';
import type { PriceRepository } from './price-repository.ts';
import type { QuarantineRepository } from './quarantine-repository.ts';
import type { UsageRepository } from './usage-repository.ts';

export interface BillingDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Audit;
  readonly events: Events;
  readonly brokerUrl: string;
  readonly delegations: { find(id: string): Promise<Delegation | undefined> };
  readonly tenancy: Pick<Tenancy, 'subscriptionHistory'>;
  readonly registry: Pick<Registry, 'getProvider'>;
}

export interface BillingContext extends BillingDeps {
  readonly meters: Meters;
  readonly ledger: Ledger;
  readonly periods: Periods;
  readonly prices: PriceRepository;
  readonly usage: UsageRepository;
  readonly quarantine: QuarantineRepository;
  readonly drafts: DraftRepository;
  readonly billed: BilledRepository;
  readonly books: BooksRepository;
}
