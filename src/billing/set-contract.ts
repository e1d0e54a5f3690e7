import { auditActor } from '../audit/index.ts';
import { Fault } from '../kernel/fault.ts';
import type { Principal } from '../kernel/principal.ts';
import type { Contract } from './contract.ts';
import type { BillingContext } from './deps.ts';
import type { BillingErrorCode } from './errors.ts';
import { isCurrency } from './money.ts';

export type NewContract = Pick<Contract, 'currency' | 'commissionBps' | 'from'>;

/**
 * Throws `unknown_provider`, `contract_exists` (one per provider, currency and first period), `invalid_request` when the books of
 * that period are shut: what was settled stays as it was settled.
 */
export async function setContract(
  context: BillingContext,
  provider: string,
  input: NewContract,
  by: Principal,
): Promise<Contract> {
  if ((await context.registry.getProvider(provider)) === undefined)
    throw new Fault<BillingErrorCode>('unknown_provider', `There is no provider ${provider}.`);
  if (!isCurrency(input.currency)) throw wrongField('currency', 'must be a currency of ISO 4217');
  const frontier = await context.periods.frontier();
  if (frontier.closedThrough !== undefined && input.from <= frontier.closedThrough)
    throw wrongField('from', `must be after ${frontier.closedThrough}, up to which the books are closed`);
  const contract: Contract = {
    id: `${provider}-${input.currency.toLowerCase()}-${input.from}`,
    provider,
    ...input,
    createdAt: context.clock.now(),
  };
  const commit = await context.store.commit([
    context.prices.insertContract(contract),
    // A close that begins at this moment settles without it.
    frontier.guard,
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
  if (!commit.failed.includes(0)) return setContract(context, provider, input, by);
  throw new Fault<BillingErrorCode>(
    'contract_exists',
    `A contract of ${provider} in ${input.currency} begins in ${input.from} already.`,
  );
}

function wrongField(name: keyof NewContract, message: string): Fault {
  return new Fault('invalid_request', 'These terms cannot be agreed on.', {
    fields: [{ path: `/${name}`, message }],
  });
}
