import type { Audit } from '../audit/index.ts';
import type { Events } from '../events/port.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Registry } from '../registry/index.ts';
import type { Store } from '../storage/port.ts';
import type { Log } from '../telemetry/log.ts';
import type { Tenancy } from '../tenancy/index.ts';
import type { Evaluator } from './evaluator.ts';
import type { PolicyRepository } from './policy-repository.ts';

export interface PolicyDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly audit: Audit;
  readonly events: Events;
  readonly registry: Pick<Registry, 'getProvider'>;
  readonly tenancy: Pick<Tenancy, 'getTenant'>;
}

export interface PolicyContext extends PolicyDeps {
  readonly repository: PolicyRepository;
  readonly evaluator: Evaluator;
}
