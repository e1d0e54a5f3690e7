import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import type { ListOptions, Page, ReadOptions, Store, StoredRecord, Write } from '../storage/port.ts';

/** One half of a link: at this issuer, this external id is this tenant. */
export interface TenantLink {
  /** The same for both halves. */
  readonly id: string;
  readonly issuer: string;
  readonly externalId: string;
  readonly tenant: string;
  /** Epoch milliseconds. */
  readonly createdAt: number;
}

/** Who says it: the tenant that it agrees, or the issuer's owner whom it means. */
export type LinkSide = 'tenant' | 'issuer';

export function linkId(issuer: string, externalId: string): string {
  return sha256(lengthPrefixed(issuer, externalId));
}

/** Keys: see docs/storage/trust.md. */
export function createTenantLinkRepository(store: Store) {
  const partitionOf = (side: LinkSide, of: string) =>
    side === 'tenant' ? `tenant-links#${of}` : `issuer-links#${sha256(of)}`;
  const keyOf = (side: LinkSide, link: Pick<TenantLink, 'id' | 'issuer' | 'tenant'>) => ({
    partition: partitionOf(side, side === 'tenant' ? link.tenant : link.issuer),
    sort: link.id,
  });

  return {
    get: async (
      side: LinkSide,
      link: Pick<TenantLink, 'id' | 'issuer' | 'tenant'>,
      options?: ReadOptions,
    ): Promise<StoredRecord<TenantLink> | undefined> => store.get<TenantLink>(keyOf(side, link), options),
    /** As many answers as links. */
    getMany: async (
      side: LinkSide,
      links: readonly TenantLink[],
    ): Promise<readonly (TenantLink | undefined)[]> =>
      (await store.getMany<TenantLink>(links.map((link) => keyOf(side, link)))).map((found) => found?.value),
    /** Of one tenant, or of one issuer. */
    list: (side: LinkSide, of: string, page: ListOptions): Promise<Page<TenantLink>> =>
      store.list<TenantLink>(partitionOf(side, of), page),
    /** Fails when it is there already, or has changed. */
    insert: (side: LinkSide, value: TenantLink): Write => ({
      op: 'putIfAbsent',
      ...keyOf(side, value),
      value,
    }),
    remove: (side: LinkSide, { value, version }: StoredRecord<TenantLink>): Write => ({
      op: 'delete',
      ...keyOf(side, value),
      version,
    }),
    commit: (writes: readonly Write[]) => store.commit(writes),
  };
}

export type TenantLinkRepository = ReturnType<typeof createTenantLinkRepository>;
