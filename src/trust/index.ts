import { createBoundedRefusals } from '../audit/index.ts';
import { acceptAgreement, requireAgreement } from './accept-agreement.ts';
import { authenticateBearer } from './authenticate-bearer.ts';
import { approveIssuer } from './approve-issuer.ts';
import { blockUser, unblockUser } from './block-user.ts';
import { verifyCallToken } from './call-context.ts';
import { changeIssuer } from './change-issuer.ts';
import type { TrustDeps } from './deps.ts';
import { createSeenSignatures } from './seen-signatures.ts';
import { introspectToken } from './introspect-token.ts';
import { findIssuer } from './find-issuer.ts';
import { createDpop } from './dpop.ts';
import { createIssuerKeys } from './issuer-keys.ts';
import { createIssuerRepository } from './issuer-repository.ts';
import { agreeToLink, countingIssuer, listLinks, stateLink, unlink } from './link-tenant.ts';
import { linkUser, readUserLink, unlinkUser } from './link-user.ts';
import { keepKeys } from './keep-keys.ts';
import { makeAgreement } from './make-agreement.ts';
import { createOwnTokenVerifier } from './own-token.ts';
import { changeClient, registerClient } from './register-client.ts';
import { registerIssuer } from './register-issuer.ts';
import { revokeAgreement } from './revoke-agreement.ts';
import { revokeDelegation } from './revoke-delegation.ts';
import { revokeToken } from './revoke-token.ts';
import { reencryptKeys } from './reencrypt-keys.ts';
import { rotatePairwiseSecret } from './rotate-pairwise-secret.ts';
import { rotateKeys, rotateOldKeys } from './rotate-keys.ts';
import { setIssuerStatus } from './set-issuer-status.ts';
import { listDelegations, readDelegation } from './show-delegations.ts';
import { checkChain } from './standing.ts';
import { createTenantLinkRepository } from './tenant-link-repository.ts';
import { issueToken } from './token-endpoint.ts';
import { createTrustRepository } from './trust-repository.ts';
import { verifyIssuer } from './verify-issuer.ts';
import { watchQuietIssuers } from './watch-quiet-issuers.ts';
import { watchIssuerKeys } from './watch-issuer-keys.ts';
import { createUpstreamTokens } from './upstream-token.ts';
import type { Trust } from './trust.ts';

export type { CallContext } from './call-context.ts';
export type { Possession } from './possession.ts';
export { asksForNonce, isDpopProblem } from './dpop-proof.ts';
export { dpopChallenge } from './dpop-challenge.ts';
export { trustErrors } from './errors.ts';
export { checkMasterKey, createKeys, localKeyEncryption, MasterKeyError, requireNoKeys } from './keys.ts';
export type { Delegation } from './model.ts';
export { rememberIssuer } from './remember-issuer.ts';
export type { Standing } from './standing.ts';
export type { UpstreamToken } from './upstream-token.ts';
export { UpstreamTokenError } from './upstream-token-error.ts';
export type { Trust } from './trust.ts';

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
