import type { Audit } from '../audit/index.ts';
import type { Events } from '../events/port.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Outbound } from '../outbound/port.ts';
import type { Store } from '../storage/port.ts';
import type { CardSigner } from './broker-card.ts';
import type { RegistryRepository } from './registry-repository.ts';

export interface RegistryDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly audit: Audit;
  readonly events: Events;
  readonly outbound: Pick<Outbound, 'fetch'>;
  readonly brokerUrl: string;
  /** From trust. */
  readonly cardSigner: CardSigner;
}

export interface RegistryContext extends RegistryDeps {
  readonly repository: RegistryRepository;
}
