import type { Audit } from '../audit/index.ts';
import type { OutboxRepository } from '../events/outbox-repository.ts';
import type { EventBus } from '../events/port.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Store } from '../storage/port.ts';

export interface OperationsDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly audit: Audit;
  readonly bus: Pick<EventBus, 'kind'>;
}

export interface OperationsContext extends OperationsDeps {
  readonly outbox: OutboxRepository;
}
