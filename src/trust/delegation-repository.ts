import {
  maxKeysPerRead,
  type ReadOptions,
  type Store,
  type StoredRecord,
  type Write,
} from '../storage/port.ts';
import type { Delegation } from './model.ts';

/** Usage may be reported this long after a token ended; until then its delegation must be found. */
const keptSeconds = 40 * 24 * 3600;

export const delegationKey = (id: string) => ({ partition: `delegation#${id}`, sort: 'delegation' });

/** Keys: see docs/storage/trust.md. */
export function createDelegationRepository(store: Store) {
  const linkKey = ({ txn, issuedAt, id }: Delegation) => ({
    partition: `delegations#${txn}`,
    sort: `${String(issuedAt).padStart(12, '0')}#${id}`,
  });
  const expiryOf = (value: Delegation) => value.expiresAt + keptSeconds;

  return {
    delegation: async (id: string, options?: ReadOptions): Promise<Delegation | undefined> =>
      (await store.get<Delegation>(delegationKey(id), options))?.value,
    delegationRecord: (id: string): Promise<StoredRecord<Delegation> | undefined> =>
      store.get<Delegation>(delegationKey(id)),
    delegationsOf: async (ids: readonly string[]): Promise<readonly (Delegation | undefined)[]> =>
      ids.length === 0
        ? []
        : (await store.getMany<Delegation>(ids.map(delegationKey))).map((record) => record?.value),

    /** All links of one chain of calls, those that were issued first first. */
    async *eachDelegation(txn: string): AsyncGenerator<Delegation> {
      let cursor: string | undefined;
      do {
        const page = await store.list<null>(`delegations#${txn}`, {
          limit: maxKeysPerRead,
          ...(cursor === undefined ? {} : { cursor }),
        });
        const ids = page.items.map(({ sort }) => sort.slice(sort.indexOf('#') + 1));
        for (const record of ids.length === 0 ? [] : await store.getMany<Delegation>(ids.map(delegationKey)))
          if (record !== undefined) yield record.value;
        cursor = page.cursor;
      } while (cursor !== undefined);
    },

    insertDelegation: (value: Delegation): readonly Write[] => [
      { op: 'putIfAbsent', ...delegationKey(value.id), value, expiresAt: expiryOf(value) },
      { op: 'put', ...linkKey(value), value: null, expiresAt: expiryOf(value) },
    ],
    replaceDelegation: (value: Delegation, version: string): Write => ({
      op: 'putIfVersion',
      ...delegationKey(value.id),
      version,
      value,
      expiresAt: expiryOf(value),
    }),
  };
}
