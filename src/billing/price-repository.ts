import type { Page, Store, Write } from '../storage/port.ts';
import type { Contract } from './contract.ts';
import { everything, type PageRequest } from './paging.ts';
import type { Plan } from './plan.ts';

/** Keys: see docs/storage/billing.md. */
export function createPriceRepository(store: Store) {
  const planKey = (key: string) => ({ partition: 'plans', sort: key });
  const contractsOf = (provider: string) => `contracts#${provider}`;

  return {
    plan: async (key: string): Promise<Plan | undefined> => (await store.get<Plan>(planKey(key)))?.value,
    plans: (page: PageRequest): Promise<Page<Plan>> => store.list<Plan>('plans', page),
    insertPlan: (value: Plan): Write => ({ op: 'putIfAbsent', ...planKey(value.key), value }),

    contracts: (provider: string, page: PageRequest): Promise<Page<Contract>> =>
      store.list<Contract>(contractsOf(provider), page),
    allContracts: async (provider: string): Promise<readonly Contract[]> => {
      const contracts: Contract[] = [];
      for await (const { value } of everything<Contract>(store, contractsOf(provider))) contracts.push(value);
      return contracts;
    },
    insertContract: (value: Contract): Write => ({
      op: 'putIfAbsent',
      partition: contractsOf(value.provider),
      sort: value.id,
      value,
    }),
  };
}

export type PriceRepository = ReturnType<typeof createPriceRepository>;
