import type { Party, Principal } from '../kernel/principal.ts';
import type { Result } from '../kernel/result.ts';
import type { Deployment } from '../registry/index.ts';
import type { Page } from '../storage/port.ts';
import type { BlockedUser } from '../tenancy/index.ts';
import type { AboutTokenRequest } from './about-token.ts';
import type { UserName } from './block-user.ts';
import type { CallContext } from './call-context.ts';
import type { IssuerChange } from './change-issuer.ts';
import type { Introspection } from './introspect-token.ts';
import type { DpopProblem } from './dpop-proof.ts';
import type { LinkView } from './link-tenant.ts';
import type { UserLink } from './link-user.ts';
import type { TokenProblem } from './jwt.ts';
import type { Keys } from './keys.ts';
import type { NewAgreement } from './make-agreement.ts';
import type { Agreement, Client, Delegation, TrustRecord } from './model.ts';
import type { ClientChange, NewClient } from './register-client.ts';
import type { NewIssuer } from './register-issuer.ts';
import type { Dpop, Possession } from './possession.ts';
import type { Rotation } from './rotate-keys.ts';
import type { DelegationPage, DelegationView } from './show-delegations.ts';
import type { Standing, StandingProblem } from './standing.ts';
import type { TokenAnswer } from './token-answer.ts';
import type { PageRequest } from './list-indexed.ts';
import type { UpstreamToken } from './upstream-token.ts';

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
