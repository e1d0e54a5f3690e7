import type { PeriodKey } from './period.ts';

/** Terms between the operator and a provider, in force from a month on until a later one begins. */
export interface Contract {
  readonly id: string;
  readonly provider: string;
  readonly currency: string;
  /** The operator's share of gross, in basis points: 1500 is 15 %. */
  readonly commissionBps: number;
  /** First period. */
  readonly from: PeriodKey;
  readonly createdAt: number;
}
