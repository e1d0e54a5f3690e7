import type { Audit } from '../audit/index.ts';
import type { Events } from '../events/port.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Store } from '../storage/port.ts';
import type { AccountRepository } from './account-repository.ts';
import type { TenantRepository } from './tenant-repository.ts';

export interface TenancyDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly audit: Audit;
  readonly events: Events;
  /** From the registry: the scopes of an agent that is on offer, else `undefined`. */
  readonly agents: {
    publishedScopes(agentId: string): Promise<readonly string[] | undefined>;
    /** `undefined` when there is no such provider. */
    getProvider(id: string): Promise<object | undefined>;
  };
  /** From billing. */
  readonly plans: { exists(key: string): Promise<boolean> };
}

export interface TenancyContext extends TenancyDeps {
  readonly repository: TenantRepository;
  readonly accounts: AccountRepository;
}
