import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Contract } from './contract.ts';
import type { BillingContext } from './deps.ts';
import type { BillingErrorCode } from './errors.ts';
import { isCurrency } from './money.ts';
import { type PeriodKey, periodEnd, periodStart } from './period.ts';

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
  const closing = () =>
    new Fault('invalid_request', `The books of ${input.from} are closed: a contract cannot begin there.`);
  const open = await context.periods.openFor(input.from);
  if (open.period !== input.from) throw closing();
  const contract: Contract = {
    id: `${provider}-${input.currency.toLowerCase()}-${input.from}`,
    provider,
    ...input,
    createdAt: context.clock.now(),
  };
  const commit = await context.store.commit([
    context.repository.insertContract(contract),
    // A close that begins at this moment settles without it.
    open.guard,
    ...context.audit.writes({
      action: 'contract.set',
      outcome: 'allowed',
      actor: auditActor(by),
      provider,
      detail: { contract: contract.id, commissionBps: contract.commissionBps },
    }),
    ...(await context.events.writes('contract.set.v1', { contract: contract.id, provider, ...input })),
  ]);
  if (commit.ok) return contract;
  if (commit.failed.includes(0))
    throw new Fault<BillingErrorCode>(
      'contract_exists',
      `A contract of ${provider} in ${input.currency} begins in ${input.from} already.`,
    );
  throw closing();
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
