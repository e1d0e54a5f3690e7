import type { Audit } from '../audit/index.ts';
import type { Billing } from '../billing/index.ts';
import type { Clock } from '../kernel/clock.ts';
import type { Ids } from '../kernel/ids.ts';
import type { Outbound } from '../outbound/port.ts';
import type { Store } from '../storage/port.ts';
import type { Log } from '../telemetry/log.ts';
import type { Trust } from '../trust/index.ts';
import type { Ownership } from './ownership.ts';
import type { UpstreamTimes } from './upstream.ts';

export interface GatewayDeps {
  readonly store: Store;
  readonly clock: Clock;
  readonly ids: Ids;
  readonly log: Log;
  readonly outbound: Pick<Outbound, 'pool'>;
  readonly audit: Audit;
  readonly brokerUrl: string;
  readonly trust: Pick<
    Trust,
    'verifyCallToken' | 'checkStanding' | 'upstreamToken' | 'forgetUpstreamToken' | 'dpop'
  >;
  readonly billing: Pick<Billing, 'observe'>;
  /** 0 up to, not including, 1: picks among equal deployments. */
  readonly random: () => number;
  readonly upstreamTimes?: Partial<UpstreamTimes>;
}

export interface GatewayContext extends GatewayDeps {
  readonly upstreamTimes: UpstreamTimes;
  readonly ownership: Ownership;
}
