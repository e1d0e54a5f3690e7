import { sha256 } from '../kernel/digest.ts';
import type { Party } from '../kernel/principal.ts';
import { maxKeysPerRead, type Page, type Store, type StoredRecord, type Write } from '../storage/port.ts';
import type { TrustRecord } from './model.ts';
import type { PageRequest } from './list-indexed.ts';

/** A trust record, and where it is: what counts has one place for each issuer, claims have a place each. */
export interface FoundIssuer {
  readonly value: TrustRecord;
  readonly version: string;
  readonly isClaim: boolean;
}

/** A claim that came to nothing is forgotten after this. */
export const claimKeptSeconds = 30 * 24 * 3600;

/**
 * Trust records as their owners and the operator see them: those that count, and claims. The token endpoint reads those that count
 * alone, from the trust repository. Keys: see docs/storage/trust.md.
 */
export function createIssuerRepository(store: Store) {
  const recordKeyOf = (digest: string) => ({ partition: `trust-record#${digest}`, sort: 'record' });
  const recordKey = (issuer: string) => recordKeyOf(sha256(issuer));
  const watchedPartition = 'watched-issuers';
  const roundKey = { partition: 'watched-issuers-round', sort: 'begun' };
  const claimKey = (id: string) => ({ partition: `trust-claim#${id}`, sort: 'claim' });
  const listKey = (owner: Party, sort: string) => ({ partition: `trust-records#${owner}`, sort });
  /** No digest contains a `#`. */
  const claimSort = (id: string) => `claim#${id}`;
  const placeOf = (sort: string) =>
    sort.startsWith('claim#') ? claimKey(sort.slice('claim#'.length)) : recordKeyOf(sort);

  async function list(owner: Party, page: PageRequest): Promise<Page<TrustRecord>> {
    const names = await store.list<null>(`trust-records#${owner}`, {
      ...page,
      limit: Math.min(page.limit, maxKeysPerRead),
    });
    const found = await store.getMany<TrustRecord>(names.items.map(({ sort }) => placeOf(sort)));
    const items = found.filter((record) => record !== undefined);
    return names.cursor === undefined ? { items } : { items, cursor: names.cursor };
  }

  async function* each(owner: Party): AsyncGenerator<FoundIssuer> {
    let cursor: string | undefined;
    do {
      const page: Page<TrustRecord> = await list(owner, {
        limit: maxKeysPerRead,
        ...(cursor === undefined ? {} : { cursor }),
      });
      for (const record of page.items) yield { ...record, isClaim: isClaim(record) };
      cursor = page.cursor;
    } while (cursor !== undefined);
  }

  const isClaim = ({ partition }: StoredRecord<TrustRecord>) => partition.startsWith('trust-claim#');
  const claimExpiry = ({ createdAt }: TrustRecord) => Math.floor(createdAt / 1000) + claimKeptSeconds;

  function removeClaim({ id, owner }: TrustRecord, version: string): readonly Write[] {
    return [
      { op: 'delete', ...claimKey(id), version },
      { op: 'delete', ...listKey(owner, claimSort(id)) },
    ];
  }

  /** Fails when anybody has the issuer already. */
  function insertRecord(value: TrustRecord): readonly Write[] {
    return [
      { op: 'putIfAbsent', ...recordKey(value.issuer), value },
      { op: 'put', ...listKey(value.owner, sha256(value.issuer)), value: { issuer: value.issuer } },
      { op: 'put', partition: watchedPartition, sort: sha256(value.issuer), value: null },
    ];
  }

  return {
    /** Of this owner, claims too. */
    list,
    each,
    find: async (owner: Party, id: string): Promise<FoundIssuer | undefined> => {
      const claim = await store.get<TrustRecord>(claimKey(id));
      if (claim?.value.owner === owner) return { ...claim, isClaim: true };
      for await (const record of each(owner)) if (record.value.id === id) return record;
      return undefined;
    },
    /** All records that count, a page at a time. */
    async *watched(): AsyncGenerator<readonly TrustRecord[]> {
      let cursor: string | undefined;
      do {
        const page: Page<null> = await store.list<null>(watchedPartition, {
          limit: maxKeysPerRead,
          ...(cursor === undefined ? {} : { cursor }),
        });
        const found = await store.getMany<TrustRecord>(page.items.map(({ sort }) => recordKeyOf(sort)));
        yield found.flatMap((record) => (record === undefined ? [] : [record.value]));
        cursor = page.cursor;
      } while (cursor !== undefined);
    },
    /** Whether a round is due, and nobody else has begun it: then it has begun. */
    beginRound: async (now: number, everyMs: number): Promise<boolean> => {
      const last = await store.get<{ readonly at: number }>(roundKey);
      if (last !== undefined && now - last.value.at < everyMs) return false;
      const write = { ...roundKey, value: { at: now } };
      const commit = await store.commit([
        last === undefined
          ? { op: 'putIfAbsent', ...write }
          : { op: 'putIfVersion', ...write, version: last.version },
      ]);
      return commit.ok;
    },
    insertRecord,
    insertClaim: (value: TrustRecord): readonly Write[] => {
      const expiresAt = claimExpiry(value);
      return [
        { op: 'putIfAbsent', ...claimKey(value.id), value, expiresAt },
        { op: 'put', ...listKey(value.owner, claimSort(value.id)), value: null, expiresAt },
      ];
    },
    removeClaim,
    /** In its place; a claim that has become active moves to the one that counts. */
    save: (found: FoundIssuer, value: TrustRecord): readonly Write[] => {
      const { version } = found;
      if (!found.isClaim) return [{ op: 'putIfVersion', ...recordKey(value.issuer), version, value }];
      if (value.status === 'active') return [...insertRecord(value), ...removeClaim(value, version)];
      return [{ op: 'putIfVersion', ...claimKey(value.id), version, value, expiresAt: claimExpiry(value) }];
    },
  };
}

export type IssuerRepository = ReturnType<typeof createIssuerRepository>;
