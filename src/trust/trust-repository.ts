import { sha256 } from '../kernel/digest.ts';
import { type ReadOptions, type Store, type StoredRecord, type Write } from '../storage/port.ts';
import { agreementKey, createAgreementRepository } from './agreement-repository.ts';
import { createDelegationRepository, delegationKey } from './delegation-repository.ts';
import { listIndexed, type PageRequest } from './list-indexed.ts';
import type { Agreement, Client, Delegation, TrustRecord } from './model.ts';

/** Whom a pairwise subject stands for; and the provider's own id for the user, where it said one. */
export interface PairwiseUser {
  readonly tenant: string;
  readonly issuer: string;
  readonly subject: string;
  readonly audSub?: string;
}

/** Keys: see docs/storage/trust.md. */
export function createTrustRepository(store: Store) {
  const recordKey = (issuer: string) => ({ partition: `trust-record#${sha256(issuer)}`, sort: 'record' });
  const clientKey = (id: string) => ({ partition: `client#${id}`, sort: 'client' });
  const assertionKey = (digest: string) => ({ partition: `assertion#${digest}`, sort: 'jti' });

  return {
    ...createDelegationRepository(store),
    ...createAgreementRepository(store),
    trustRecord: (issuer: string, options?: ReadOptions): Promise<StoredRecord<TrustRecord> | undefined> =>
      store.get<TrustRecord>(recordKey(issuer), options),
    client: (id: string, options?: ReadOptions): Promise<StoredRecord<Client> | undefined> =>
      store.get<Client>(clientKey(id), options),
    clients: (page: PageRequest) => listIndexed<Client>(store, 'clients', clientKey, page),
    /** Everything that a chain hangs on, in one read. */
    chainFacts: async (chain: Delegation['chain'], issuer: string, options?: ReadOptions) => {
      const keys = [
        recordKey(issuer),
        ...chain.clients.map(clientKey),
        ...chain.agreements.map(agreementKey),
        ...chain.delegations.map(delegationKey),
      ];
      const [record, ...rest] = await store.getMany<TrustRecord | Client | Agreement | Delegation>(
        keys,
        options,
      );
      const clients = rest.splice(0, chain.clients.length);
      const agreements = rest.splice(0, chain.agreements.length);
      return {
        trustRecord: record?.value as TrustRecord | undefined,
        clients: clients.map((found) => found?.value as Client | undefined),
        agreements: agreements.map((found) => found?.value as Agreement | undefined),
        delegations: rest.map((found) => found?.value as Delegation | undefined),
      };
    },

    isAssertionUsed: async (clientDigest: string): Promise<boolean> =>
      (await store.get(assertionKey(clientDigest))) !== undefined,
    /** As many answers as subjects. */
    pairwiseOf: (
      provider: string,
      subs: readonly string[],
    ): Promise<readonly (StoredRecord<PairwiseUser> | undefined)[]> =>
      store.getMany<PairwiseUser>(subs.map((sort) => ({ partition: `pairwise#${provider}`, sort }))),
    replacePairwise: (record: StoredRecord<PairwiseUser>): Write => ({
      op: 'putIfVersion',
      partition: record.partition,
      sort: record.sort,
      version: record.version,
      value: record.value,
    }),
    pairwise: async (provider: string, sub: string) =>
      (
        await store.get<PairwiseUser>({
          partition: `pairwise#${provider}`,
          sort: sub,
        })
      )?.value,

    insertClient: (value: Client): readonly Write[] => [
      { op: 'putIfAbsent', ...clientKey(value.id), value },
      { op: 'put', partition: 'clients', sort: value.id, value: null },
    ],
    replaceClient: (value: Client, version: string): Write => ({
      op: 'putIfVersion',
      ...clientKey(value.id),
      version,
      value,
    }),
    /** Which user a pairwise subject stands for: the way back for support and erasure. Fails when it is known, and so maybe linked. */
    rememberPairwise: (provider: string, sub: string, value: PairwiseUser): Write => ({
      op: 'putIfAbsent',
      partition: `pairwise#${provider}`,
      sort: sub,
      value,
    }),
    /** Single use (RFC 7523 §3): the second of two, however parallel, fails. */
    useAssertion: (clientDigest: string, expiresAt: number, op: 'putIfAbsent' | 'put'): Write => ({
      op,
      ...assertionKey(clientDigest),
      value: null,
      expiresAt,
    }),
    /** Single use (RFC 9449 §11.1), at whichever replica. */
    useProof: (digest: string, expiresAt: number, op: 'putIfAbsent' | 'put' = 'putIfAbsent'): Write => ({
      op,
      partition: `dpop-proof#${digest}`,
      sort: 'jti',
      value: null,
      expiresAt,
    }),

    commit: (writes: readonly Write[]) => store.commit(writes),
  };
}

export type TrustRepository = ReturnType<typeof createTrustRepository>;
