import { createBoundedRefusals } from '../audit/index.ts';
import type { Party, Principal } from '../kernel/principal.ts';
import type { Result } from '../kernel/result.ts';
import type { Deployment } from '../registry/index.ts';
import type { Page } from '../storage/port.ts';
import type { BlockedUser } from '../tenancy/index.ts';
import type { AboutTokenRequest } from './about-token.ts';
import { acceptAgreement, requireAgreement } from './accept-agreement.ts';
import { authenticateBearer } from './authenticate-bearer.ts';
import { approveIssuer } from './approve-issuer.ts';
import { blockUser, unblockUser, type UserName } from './block-user.ts';
import { type CallContext, verifyCallToken } from './call-context.ts';
import { changeIssuer, type IssuerChange } from './change-issuer.ts';
import type { TrustDeps } from './deps.ts';
import { createSeenSignatures } from './seen-signatures.ts';
import { introspectToken, type Introspection } from './introspect-token.ts';
import { findIssuer } from './find-issuer.ts';
import { createDpop } from './dpop.ts';
import type { DpopProblem } from './dpop-proof.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import { createIssuerRepository } from './issuer-repository.ts';
import { agreeToLink, countingIssuer, type LinkView, listLinks, stateLink, unlink } from './link-tenant.ts';
import { linkUser, readUserLink, unlinkUser, type UserLink } from './link-user.ts';
import type { TokenProblem } from './jwt.ts';
import { keepKeys } from './keep-keys.ts';
import type { Keys } from './keys.ts';
import { makeAgreement, type NewAgreement } from './make-agreement.ts';
import type { Agreement, Client, Delegation, TrustRecord } from './model.ts';
import { createOwnTokenVerifier } from './own-token.ts';
import { changeClient, type ClientChange, type NewClient, registerClient } from './register-client.ts';
import { type NewIssuer, registerIssuer } from './register-issuer.ts';
import { revokeAgreement } from './revoke-agreement.ts';
import { revokeDelegation } from './revoke-delegation.ts';
import { revokeToken } from './revoke-token.ts';
import { reencryptKeys } from './reencrypt-keys.ts';
import type { Dpop, Possession } from './possession.ts';
import { rotatePairwiseSecret } from './rotate-pairwise-secret.ts';
import { rotateKeys, rotateOldKeys, type Rotation } from './rotate-keys.ts';
import { setIssuerStatus } from './set-issuer-status.ts';
import {
  type DelegationPage,
  type DelegationView,
  listDelegations,
  readDelegation,
} from './show-delegations.ts';
import { checkChain, type Standing, type StandingProblem } from './standing.ts';
import { createTenantLinkRepository } from './tenant-link-repository.ts';
import type { TokenAnswer } from './token-answer.ts';
import { issueToken } from './token-endpoint.ts';
import type { PageRequest } from './list-indexed.ts';
import { createTrustRepository } from './trust-repository.ts';
import { verifyIssuer } from './verify-issuer.ts';
import { watchQuietIssuers } from './watch-quiet-issuers.ts';
import { watchIssuerKeys } from './watch-issuer-keys.ts';
import { createUpstreamTokens, type UpstreamToken } from './upstream-token.ts';

export type { CallContext } from './call-context.ts';
export type { Possession } from './possession.ts';
export { asksForNonce, isDpopProblem } from './dpop-proof.ts';
export { dpopChallenge } from './dpop-challenge.ts';
export { trustErrors } from './errors.ts';
export type { TokenProblem } from './jwt.ts';
export { checkMasterKey, createKeys, localKeyEncryption, MasterKeyError, requireNoKeys } from './keys.ts';
export type { Delegation } from './model.ts';
export { rememberIssuer } from './remember-issuer.ts';
export type { Standing, StandingProblem } from './standing.ts';
export type { UpstreamToken } from './upstream-token.ts';
export { UpstreamTokenError } from './upstream-token-error.ts';

/** Who trusts whom, and proof of it. See the use cases' files for what each throws. */
export interface Trust {
  registerIssuer(owner: Party, input: NewIssuer, by: Principal): Promise<TrustRecord>;
  findIssuer(owner: Party, id: string): Promise<{ record: TrustRecord; version: string }>;
  changeIssuer(
    owner: Party,
    id: string,
    change: IssuerChange,
    update: { readonly by: Principal; readonly version: string | undefined },
  ): Promise<{ record: TrustRecord; version: string }>;
  /** `proof`: the signed challenge, when it is not published in the well-known file. */
  verifyIssuer(owner: Party, id: string, proof: string | undefined, by: Principal): Promise<TrustRecord>;
  approveIssuer(owner: Party, id: string, by: Principal): Promise<TrustRecord>;
  /** See `link-tenant.ts`. */
  agreeToLink(
    tenant: string,
    input: Pick<LinkView, 'issuer' | 'externalId'>,
    by: Principal,
  ): Promise<LinkView>;
  stateLink(
    owner: Party,
    issuerId: string,
    input: Pick<LinkView, 'externalId' | 'tenant'>,
    by: Principal,
  ): Promise<LinkView>;
  listTenantLinks(tenant: string, page: PageRequest): Promise<Page<LinkView>>;
  listIssuerLinks(owner: Party, issuerId: string, page: PageRequest): Promise<Page<LinkView>>;
  removeTenantLink(tenant: string, id: string, by: Principal): Promise<LinkView>;
  removeIssuerLink(owner: Party, issuerId: string, id: string, by: Principal): Promise<LinkView>;
  setIssuerStatus(
    owner: Party,
    id: string,
    status: 'active' | 'disabled',
    by: Principal,
  ): Promise<TrustRecord>;
  listIssuers(owner: Party, page: PageRequest): Promise<Page<TrustRecord>>;
  registerClient(input: NewClient, by: Principal): Promise<Client>;
  changeClient(
    id: string,
    change: ClientChange,
    update: { readonly by: Principal; readonly version?: string | undefined },
  ): Promise<{ client: Client; version: string }>;
  findClient(id: string): Promise<{ client: Client; version: string } | undefined>;
  listClients(page: PageRequest): Promise<Page<Client>>;
  makeAgreement(input: NewAgreement, by: Principal): Promise<Agreement>;
  acceptAgreement(id: string, by: Principal): Promise<Agreement>;
  readAgreement(id: string, by: Principal): Promise<Agreement>;
  revokeAgreement(id: string, reason: string, by: Principal): Promise<Agreement>;
  /** Of the caller's own party; the operator's are all. */
  listAgreements(page: PageRequest, by: Principal): Promise<Page<Agreement>>;

  blockUser(tenant: string, name: UserName, reason: string, by: Principal): Promise<BlockedUser>;
  unblockUser(tenant: string, name: UserName, reason: string, by: Principal): Promise<BlockedUser>;
  listBlockedUsers(tenant: string, page: PageRequest): Promise<Page<BlockedUser>>;

  /** `POST /oauth/token`; `proof` is the value of its header `DPoP`. Throws `OAuthRefusal`. */
  issueToken(contentType: string | undefined, body: string, proof?: string): Promise<TokenAnswer>;
  /** `POST /oauth/introspect`. Throws `OAuthRefusal`. */
  introspectToken(request: AboutTokenRequest): Promise<Introspection>;
  /** `POST /oauth/revoke`. Throws `OAuthRefusal`. */
  revokeToken(request: AboutTokenRequest): Promise<void>;
  /**
   * Who holds this management token; `undefined` when it is not valid, or its client or company may not act. `possession` when
   * it was presented under the scheme `DPoP`. Throws `invalid_dpop_proof`, `use_dpop_nonce`.
   */
  authenticateBearer(token: string, possession?: Possession): Promise<Principal | undefined>;
  /** A call token for this agent at this broker; `possession` when it was presented under the scheme `DPoP`. */
  verifyCallToken(
    token: string,
    agentId: string,
    possession?: Possession,
  ): Promise<Result<CallContext, TokenProblem | DpopProblem>>;
  /** What is demanded of proofs, and a nonce for the next one. */
  readonly dpop: Pick<Dpop, 'policy' | 'nonce'>;
  /** Whether everything that the call rests on is still in force. */
  checkStanding(call: CallContext): Promise<Result<Standing, StandingProblem>>;
  /** Throws `UpstreamTokenError`. */
  upstreamToken(call: CallContext, standing: Standing, deployment: Deployment): Promise<UpstreamToken>;
  /** The agent refused it. */
  forgetUpstreamToken(call: CallContext, standing: Standing, deployment: Deployment): void;
  findDelegation(id: string): Promise<Delegation | undefined>;
  /** What the caller may see of one chain of calls. */
  listDelegations(txn: string, page: PageRequest, by: Principal): Promise<DelegationPage>;
  readDelegation(id: string, by: Principal): Promise<DelegationView>;
  revokeDelegation(id: string, reason: string, by: Principal): Promise<DelegationView>;

  /** See `link-user.ts`. */
  linkUser(link: UserLink, by: Principal): Promise<UserLink>;
  unlinkUser(provider: string, sub: string, by: Principal): Promise<UserLink>;
  readUserLink(provider: string, sub: string): Promise<UserLink>;

  rotatePairwiseSecret(reason: string, by: Principal): Promise<void>;
  listPairwiseSecrets(): ReturnType<Keys['listPairwiseSecrets']>;
  rotateKeys(rotation: Rotation, by: Principal): Promise<void>;
  listKeys(): ReturnType<Keys['list']>;
  /** Answers how many records another master key had encrypted. */
  reencryptKeys(reason: string, by: Principal): Promise<number>;
  /** From now on keys that others made are found, and old ones rotated, and issuers' keys looked at, until the returned function is called. */
  watchKeys(maxAgeMs: number): () => void;
}

export function createTrust(deps: TrustDeps): Trust {
  const repository = createTrustRepository(deps.store);
  const issuers = createIssuerRepository(deps.store);
  const links = createTenantLinkRepository(deps.store);
  const stored = { ...deps, repository, issuers, links };
  const base = {
    ...stored,
    issuerKeys: watchIssuerKeys(stored, createIssuerKeys(deps)),
    seenSignatures: createSeenSignatures(),
    refusals: createBoundedRefusals(deps),
  };
  const context = { ...base, dpop: createDpop(base) };
  const verifier = createOwnTokenVerifier(deps);
  const upstreamTokens = createUpstreamTokens(context);

  return {
    registerIssuer: (owner, input, by) => registerIssuer(context, owner, input, by),
    agreeToLink: (tenant, input, by) => agreeToLink(context, tenant, input, by),
    stateLink: (owner, id, input, by) => stateLink(context, owner, id, input, by),
    listTenantLinks: (tenant, page) => listLinks(context, 'tenant', tenant, page),
    listIssuerLinks: async (owner, id, page) =>
      listLinks(context, 'issuer', (await countingIssuer(context, owner, id)).issuer, page),
    removeTenantLink: (tenant, id, by) => unlink(context, 'tenant', tenant, id, by),
    removeIssuerLink: async (owner, id, link, by) =>
      unlink(context, 'issuer', (await countingIssuer(context, owner, id)).issuer, link, by),
    setIssuerStatus: (owner, id, status, by) => setIssuerStatus(context, owner, id, status, by),
    findIssuer: async (owner, id) => {
      const { value, version } = await findIssuer(context, owner, id);
      return { record: value, version };
    },
    changeIssuer: (owner, id, change, update) => changeIssuer(context, owner, id, change, update),
    verifyIssuer: (owner, id, proof, by) => verifyIssuer(context, owner, id, proof, by),
    approveIssuer: (owner, id, by) => approveIssuer(context, owner, id, by),
    listIssuers: (owner, page) => issuers.list(owner, page),
    registerClient: (input, by) => registerClient(context, input, by),
    changeClient: (id, change, update) => changeClient(context, id, change, update),
    findClient: async (id) => {
      const record = await repository.client(id);
      return record === undefined ? undefined : { client: record.value, version: record.version };
    },
    listClients: (page) => repository.clients(page),
    makeAgreement: (input, by) => makeAgreement(context, input, by),
    acceptAgreement: (id, by) => acceptAgreement(context, id, by),
    readAgreement: async (id, by) => (await requireAgreement(context, id, by)).value,
    revokeAgreement: (id, reason, by) => revokeAgreement(context, id, reason, by),
    listAgreements: (page, by) => repository.agreements(page, by.kind === 'operator' ? undefined : by.owner),
    blockUser: (tenant, name, reason, by) => blockUser(context, tenant, name, reason, by),
    unblockUser: (tenant, name, reason, by) => unblockUser(context, tenant, name, reason, by),
    listBlockedUsers: (tenant, page) => deps.tenancy.listBlockedUsers(tenant, page),
    issueToken: (contentType, body, proof) => issueToken(context, contentType, body, proof),
    introspectToken: (request) => introspectToken(context, verifier, request),
    revokeToken: (request) => revokeToken(context, verifier, request),
    authenticateBearer: (token, possession) => authenticateBearer(context, verifier, token, possession),
    verifyCallToken: (token, agentId, possession) =>
      verifyCallToken(context, verifier, token, agentId, possession),
    dpop: context.dpop,
    checkStanding: (call) => checkChain(context, call.delegation),
    upstreamToken: (call, standing, deployment) => upstreamTokens.get(call, standing, deployment),
    forgetUpstreamToken: (call, standing, deployment) => upstreamTokens.forget(call, standing, deployment),
    findDelegation: (id) => repository.delegation(id),
    listDelegations: (txn, page, by) => listDelegations(context, txn, page, by),
    readDelegation: (id, by) => readDelegation(context, id, by),
    revokeDelegation: (id, reason, by) => revokeDelegation(context, id, reason, by),
    linkUser: (link, by) => linkUser(context, link, by),
    unlinkUser: (provider, sub, by) => unlinkUser(context, provider, sub, by),
    readUserLink: (provider, sub) => readUserLink(context, provider, sub),
    rotatePairwiseSecret: (reason, by) => rotatePairwiseSecret(context, reason, by),
    listPairwiseSecrets: () => deps.keys.listPairwiseSecrets(),
    rotateKeys: (rotation, by) => rotateKeys(context, rotation, by),
    listKeys: () => deps.keys.list(),
    reencryptKeys: (reason, by) => reencryptKeys(context, reason, by),
    watchKeys: (maxAgeMs) => {
      const stopKeeping = keepKeys(deps.log, async () => {
        await deps.keys.refresh();
        await rotateOldKeys(context, maxAgeMs);
      });
      const stopWatching = watchQuietIssuers(context);
      return () => {
        stopKeeping();
        stopWatching();
      };
    },
  };
}
