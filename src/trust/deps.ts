import type { Audit, BoundedRefusals } from '../audit/index.ts';
import type { Events } from '../events/port.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Outbound } from '../outbound/port.ts';
import type { Policies } from '../policy/index.ts';
import type { Registry } from '../registry/index.ts';
import type { Store } from '../storage/port.ts';
import type { Log } from '../telemetry/log.ts';
import type { Tenancy } from '../tenancy/index.ts';
import type { Dpop, DpopPolicy } from './possession.ts';
import type { IssuerKeys } from './issuer-keys.ts';
import type { IssuerRepository } from './issuer-repository.ts';
import type { Keys } from './keys.ts';
import type { TenantLinkRepository } from './tenant-link-repository.ts';
import type { SeenSignatures } from './seen-signatures.ts';
import type { TrustRepository } from './trust-repository.ts';

export interface TrustDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly outbound: Pick<Outbound, 'fetch' | 'resolveTxt'>;
  readonly audit: Audit;
  readonly events: Events;
  readonly keys: Keys;
  readonly brokerUrl: string;
  /** Default: offered, and nothing demanded. */
  readonly dpopPolicy?: DpopPolicy | undefined;
  readonly registry: Pick<Registry, 'callableAgent' | 'findResource' | 'getProvider'>;
  readonly tenancy: Pick<
    Tenancy,
    'getTenant' | 'findSubscription' | 'blockUser' | 'unblockUser' | 'isUserBlocked' | 'listBlockedUsers'
  >;
  readonly policies: Pick<Policies, 'decideExchange'>;
}

export interface TrustContext extends TrustDeps {
  readonly repository: TrustRepository;
  readonly issuers: IssuerRepository;
  readonly links: TenantLinkRepository;
  readonly issuerKeys: IssuerKeys;
  readonly seenSignatures: SeenSignatures;
  readonly refusals: BoundedRefusals;
  readonly dpop: Dpop;
}
