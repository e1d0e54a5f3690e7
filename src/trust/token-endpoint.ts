import type { AuditEntry } from '../audit/index.ts';
import type { Write } from '../storage/port.ts';
import { companyOf } from './about-token.ts';
import { type AuthenticatedClient, authenticateClient, refused } from './authenticate-client.ts';
import type { TrustContext } from './deps.ts';
import type { DpopProof } from './dpop-proof.ts';
import { OAuthRefusal } from './errors.ts';
import type { Issued, RefusalNote } from './grants/grant.ts';
import { actionOf, grants, isGrantType } from './grants/index.ts';
import { readProof, refusedProof, requireProof } from './require-proof.ts';
import type { TokenAnswer } from './token-answer.ts';
import { parseTokenRequest, type TokenRequest } from './token-request.ts';

/** Of two exchanges that are the first for a user at a provider, one begins anew. */
const attempts = 3;

/**
 * The phases that all grants share, so that none can forget one: limits → nonce → client authentication → possession → grant →
 * write.
 * Everything that is issued, and every refusal, is durable in the audit log before the answer. Throws `OAuthRefusal`.
 */
export async function issueToken(
  context: TrustContext,
  contentType: string | undefined,
  body: string,
  proofHeader: string | undefined,
): Promise<TokenAnswer> {
  const note: RefusalNote = {};
  let request: TokenRequest = {};
  let authenticated: AuthenticatedClient | undefined;
  try {
    request = parseTokenRequest(contentType, body);
    const { grant_type: grantType } = request;
    if (grantType === undefined)
      throw new OAuthRefusal('invalid_request', 'grant_missing', 'grant_type is needed.');
    if (!isGrantType(grantType))
      throw new OAuthRefusal('unsupported_grant_type', 'grant_unknown', 'This grant_type is not supported.');
    // Before the assertion is used up: who only lacks a nonce may send the same request again.
    const sent = proofHeader === undefined ? undefined : readProof(context, proofHeader);
    authenticated = await authenticateClient(context, request);
    // The commit has the last word; asked here as well, so that a used assertion does not even get another refusal.
    if (await context.repository.isAssertionUsed(authenticated.assertion.digest))
      throw refused('client_assertion_replayed');
    if (!authenticated.client.grantTypes.includes(grantType))
      throw new OAuthRefusal(
        'unauthorized_client',
        'grant_not_allowed',
        'This client may not use this grant.',
      );
    const proof = requireProof(context, authenticated.client, sent);
    if (proof !== undefined) request = { ...request, proof };
    for (let attempt = 0; attempt < attempts; attempt++) {
      const issued = await grants[grantType](context, request, authenticated.client, note);
      if (await isWritten(context, authenticated, issued, proof)) return answerOf(issued, proof);
    }
    throw new Error('what is issued is taken, again and again');
  } catch (error) {
    if (error instanceof OAuthRefusal) await recordRefusal(context, request, authenticated, note, error);
    throw error;
  }
}

function answerOf(issued: Issued, proof: DpopProof | undefined): TokenAnswer {
  return {
    access_token: issued.token,
    ...(issued.issuedTokenType === undefined ? {} : { issued_token_type: issued.issuedTokenType }),
    token_type: issued.tokenType ?? (proof === undefined ? 'Bearer' : 'DPoP'),
    expires_in: issued.expiresIn,
    scope: issued.scope,
  };
}

/**
 * One commit: assertion and proof are used up, the delegation exists, the audit says so; or none of it. No when the user has become known
 * to the provider meanwhile.
 */
async function isWritten(
  context: TrustContext,
  { client, assertion }: AuthenticatedClient,
  issued: Issued,
  proof: DpopProof | undefined,
): Promise<boolean> {
  const { entry, once } = issued;
  const detail = proof === undefined ? entry.detail : { ...entry.detail, jkt: proof.jkt };
  const { useAssertion, useProof } = context.repository;
  const singleUse: readonly { readonly write: Write; readonly refusal: () => OAuthRefusal }[] = [
    {
      write: useAssertion(assertion.digest, assertion.expiresAt, 'putIfAbsent'),
      refusal: () => refused('client_assertion_replayed'),
    },
    ...(once === undefined
      ? []
      : [
          {
            write: useAssertion(once.digest, once.expiresAt, 'putIfAbsent'),
            refusal: () => once.refusal,
          },
        ]),
    ...(proof === undefined
      ? []
      : [
          {
            write: useProof(proof.digest, proof.expiresAt),
            refusal: () => refusedProof('dpop_proof_replayed'),
          },
        ]),
  ];
  const commit = await context.repository.commit([
    ...singleUse.map(({ write }) => write),
    ...issued.writes,
    ...context.audit.writes({
      ...entry,
      ...(detail === undefined ? {} : { detail }),
      outcome: 'allowed',
      actor: client.id,
      client: client.id,
    }),
  ]);
  const used = commit.ok ? undefined : singleUse.find((_, index) => commit.failed.includes(index));
  if (used !== undefined) throw used.refusal();
  return commit.ok;
}

async function recordRefusal(
  context: TrustContext,
  request: TokenRequest,
  authenticated: AuthenticatedClient | undefined,
  note: RefusalNote,
  refusal: OAuthRefusal,
): Promise<void> {
  const client = authenticated?.client.id;
  const entry: AuditEntry = {
    action: actionOf(request.grant_type),
    outcome: 'refused',
    reason: refusal.reason,
    // Before anything is known of whom it is about, the client's own company reads why; afterwards it might be told of others.
    ...(authenticated === undefined || Object.keys(note).length > 0 ? {} : companyOf(authenticated.client)),
    ...(client === undefined ? {} : { actor: client, client }),
    ...note,
    detail: { error: refusal.code },
  };
  if (authenticated === undefined) return context.audit.recordStranger(entry);
  const { digest, expiresAt } = authenticated.assertion;
  // Whoever has seen an assertion can send it again and again: that is not yet its client.
  const isReplay = refusal.reason === 'client_assertion_replayed';
  const admitted = isReplay
    ? context.refusals.admit(`${entry.action} ${refusal.reason} ${client ?? ''}`, entry)
    : entry;
  await context.repository.commit([
    // Used up as well: a refused assertion must not be tried on something else.
    context.repository.useAssertion(digest, expiresAt, 'put'),
    ...(request.proof === undefined
      ? []
      : [context.repository.useProof(request.proof.digest, request.proof.expiresAt, 'put')]),
    ...(admitted === undefined ? [] : context.audit.writes(admitted)),
  ]);
}
