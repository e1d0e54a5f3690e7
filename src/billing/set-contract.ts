import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { BillingContext } from './deps.ts';
import type { BillingErrorCode } from './errors.ts';
import { isCurrency } from './money.ts';
import { type PeriodKey, periodEnd, periodStart } from './period.ts';

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

export type NewContract = Pick<Contract, 'currency' | 'commissionBps' | 'from'>;

/**
 * Throws `unknown_provider`, `contract_exists` (one per provider, currency and first period), `invalid_request` when that period
 * is closed already.
 */
export async function setContract(
  context: BillingContext,
  provider: string,
  input: NewContract,
  by: Principal,
): Promise<Contract> {
  if ((await context.registry.getProvider(provider)) === undefined)
    throw new Fault<BillingErrorCode>('unknown_provider', `There is no provider ${provider}.`);
  if (!isCurrency(input.currency))
    throw new Fault('invalid_request', 'The currency is not known.', {
      fields: [{ path: '/currency', message: 'must be a currency of ISO 4217' }],
    });
  const { record } = await context.periods.state(input.from);
  if (record !== undefined)
    throw new Fault(
      'invalid_request',
      `The books of ${input.from} are ${record.state}: a contract cannot begin there.`,
    );
  const contract: Contract = {
    id: `${provider}-${input.currency.toLowerCase()}-${input.from}`,
    provider,
    ...input,
    createdAt: context.clock.now(),
  };
  const commit = await context.store.commit([
    context.repository.insertContract(contract),
    ...context.audit.writes({
      action: 'contract.set',
      outcome: 'allowed',
      actor: auditActor(by),
      provider,
      detail: { contract: contract.id, commissionBps: contract.commissionBps },
    }),
  ]);
  if (!commit.ok)
    throw new Fault<BillingErrorCode>(
      'contract_exists',
      `A contract of ${provider} in ${input.currency} begins in ${input.from} already.`,
    );
  return contract;
}

/** The contract in force in a period: the one that began last. */
export function contractIn(
  contracts: readonly Contract[],
  currency: string,
  period: PeriodKey,
): Contract | undefined {
  return contracts
    .filter((contract) => contract.currency === currency && periodStart(contract.from) < periodEnd(period))
    .toSorted((a, b) => (a.from < b.from ? -1 : 1))
    .at(-1);
}
