import type { Party } from '../kernel/principal.ts';
import {
  maxKeysPerRead,
  type Page,
  type ReadOptions,
  type Store,
  type StoredRecord,
  type Write,
} from '../storage/port.ts';
import { listIndexed, type PageRequest } from './list-indexed.ts';
import type { Agreement } from './model.ts';

export const agreementKey = (id: string) => ({ partition: `agreement#${id}`, sort: 'agreement' });

/** One that names more tenants than this is looked at for every tenant, as one that names none: a commit holds only so much. */
const maxFoundByTenant = 50;

/** Keys: see docs/storage/trust.md. */
export function createAgreementRepository(store: Store) {
  const ofAnyTenant = (from: Party, to: Party) => `agreements#${from}>${to}`;
  const ofTenant = (from: Party, to: Party, tenant: string) => `${ofAnyTenant(from, to)}#${tenant}`;
  const proposalsOf = (from: Party, to: Party, by: Party) => `agreement-proposals#${from}>${to}#${by}`;
  const allProposalsOf = (by: Party) => `agreement-proposals-of#${by}`;

  /** Where a proposal waits; nowhere, for what the operator made. */
  const proposals = ({ from, to, proposedBy }: Agreement) =>
    proposedBy === undefined ? [] : [proposalsOf(from, to, proposedBy), allProposalsOf(proposedBy)];

  /** Where an agreement is found while it counts, or may come to count. */
  function finders({ from, to, tenants = [] }: Agreement): readonly string[] {
    return tenants.length === 0 || tenants.length > maxFoundByTenant
      ? [ofAnyTenant(from, to)]
      : tenants.map((tenant) => ofTenant(from, to, tenant));
  }

  return {
    agreement: (id: string): Promise<StoredRecord<Agreement> | undefined> =>
      store.get<Agreement>(agreementKey(id)),

    /** A party's own, from an index of its own: a page of all of them would have a cursor that tells of others'. */
    agreements: (page: PageRequest, of?: Party): Promise<Page<Agreement>> =>
      listIndexed<Agreement>(
        store,
        of === undefined ? 'agreements' : `agreements-of#${of}`,
        agreementKey,
        page,
      ),

    /**
     * What may let `from` pass this tenant's context to `to`, newest first; none that was revoked. One that has just been made is
     * among them, whatever `records` say. How many there are for other tenants does not matter.
     */
    async *eachAgreement(
      { from, to, tenant }: { readonly from: Party; readonly to: Party; readonly tenant: string },
      records?: ReadOptions,
    ): AsyncGenerator<StoredRecord<Agreement>> {
      const partitions = [ofAnyTenant(from, to), ofTenant(from, to, tenant)];
      let cursor: string | undefined;
      do {
        const page = { reverse: true, limit: maxKeysPerRead, ...(cursor === undefined ? {} : { cursor }) };
        const names = await store.list<null>(partitions, page);
        const found = await store.getMany<Agreement>(
          names.items.map(({ sort }) => agreementKey(sort)),
          records,
        );
        for (const record of found) if (record !== undefined) yield record;
        cursor = names.cursor;
      } while (cursor !== undefined);
    },

    /** How many proposals of a party wait for an answer: of this other side, and of all; `limit` at most. */
    countProposals: async (
      { from, to, proposedBy }: Pick<Agreement, 'from' | 'to'> & { readonly proposedBy: Party },
      limit: number,
    ): Promise<{ readonly ofPair: number; readonly ofAll: number }> => {
      const [ofPair, ofAll] = await Promise.all(
        [proposalsOf(from, to, proposedBy), allProposalsOf(proposedBy)].map((partition) =>
          store.list(partition, { limit }),
        ),
      );
      return { ofPair: ofPair?.items.length ?? 0, ofAll: ofAll?.items.length ?? 0 };
    },

    insertAgreement: (value: Agreement): readonly Write[] => [
      { op: 'putIfAbsent', ...agreementKey(value.id), value },
      ...[
        'agreements',
        `agreements-of#${value.from}`,
        `agreements-of#${value.to}`,
        ...finders(value),
        ...proposals(value),
      ].map((partition): Write => ({ op: 'put', partition, sort: value.id, value: null })),
    ],

    /** From a proposal to an agreement. */
    acceptAgreement: (value: Agreement, version: string): readonly Write[] => [
      { op: 'putIfVersion', ...agreementKey(value.id), version, value },
      ...proposals(value).map((partition): Write => ({ op: 'delete', partition, sort: value.id })),
    ],

    /** It stays on record, and is not looked at any more. */
    revokeAgreement: (value: Agreement, version: string): readonly Write[] => [
      { op: 'putIfVersion', ...agreementKey(value.id), version, value },
      ...[...finders(value), ...proposals(value)].map((partition): Write => ({
        op: 'delete',
        partition,
        sort: value.id,
      })),
    ],
  };
}
