import type { PeriodKey } from './period.ts';

/** Terms between the operator and a provider, in force from a month on until a later one begins. */
export interface Contract {
  readonly id: string;
  readonly provider: string;
  readonly currency: string;
  /** The operator's share of gross, in basis points: 1500 is 15 %. */
  readonly commissionBps: number;
  /** First charge period. */
  readonly from: PeriodKey;
  readonly createdAt: number;
}

/** The one in force for usage of a month: the last that had begun. None: no commission is taken. */
export function contractIn(
  contracts: readonly Contract[],
  currency: string,
  chargePeriod: PeriodKey,
): Contract | undefined {
  return contracts
    .filter((contract) => contract.currency === currency && contract.from <= chargePeriod)
    .toSorted((a, b) => (a.from < b.from ? -1 : 1))
    .at(-1);
}
