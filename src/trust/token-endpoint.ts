import type { AuditEntry } from '../audit/index.ts';
import { type AuthenticatedClient, authenticateClient, refused } from './authenticate-client.ts';
import type { TrustContext } from './deps.ts';
import { OAuthRefusal } from './errors.ts';
import type { Issued, RefusalNote } from './grants/grant.ts';
import { actionOf, grants, isGrantType } from './grants/index.ts';
import type { TokenAnswer } from './token-answer.ts';
import { parseTokenRequest, type TokenRequest } from './token-request.ts';

/**
 * The phases that all grants share, so that none can forget one: limits → client authentication → grant → write.
 * Everything that is issued, and every refusal, is durable in the audit log before the answer. Throws `OAuthRefusal`.
 */
export async function issueToken(
  context: TrustContext,
  contentType: string | undefined,
  body: string,
): Promise<TokenAnswer> {
  const note: RefusalNote = {};
  let request: TokenRequest = {};
  let authenticated: AuthenticatedClient | undefined;
  try {
    request = parseTokenRequest(contentType, body);
    if (request.grant_type === undefined)
      throw new OAuthRefusal('invalid_request', 'grant_missing', 'grant_type is needed.');
    if (!isGrantType(request.grant_type))
      throw new OAuthRefusal('unsupported_grant_type', 'grant_unknown', 'This grant_type is not supported.');
    authenticated = await authenticateClient(context, request);
    // The commit has the last word; asked here as well, so that a used assertion does not even get another refusal.
    if (await context.repository.isAssertionUsed(authenticated.assertion.digest))
      throw refused('client_assertion_replayed');
    if (!authenticated.client.grantTypes.includes(request.grant_type))
      throw new OAuthRefusal(
        'unauthorized_client',
        'grant_not_allowed',
        'This client may not use this grant.',
      );
    const issued = await grants[request.grant_type](context, request, authenticated.client, note);
    await writeDown(context, authenticated, issued);
    return {
      access_token: issued.token,
      ...(issued.issuedTokenType === undefined ? {} : { issued_token_type: issued.issuedTokenType }),
      token_type: issued.tokenType ?? 'Bearer',
      expires_in: issued.expiresIn,
      scope: issued.scope,
    };
  } catch (error) {
    if (error instanceof OAuthRefusal) await recordRefusal(context, request, authenticated, note, error);
    throw error;
  }
}

/** One commit: the assertion is used up, the delegation exists, the audit says so; or none of it. */
async function writeDown(
  context: TrustContext,
  { client, assertion }: AuthenticatedClient,
  issued: Issued,
): Promise<void> {
  const { once } = issued;
  const commit = await context.repository.commit([
    context.repository.useAssertion(assertion.digest, assertion.expiresAt, 'putIfAbsent'),
    ...(once === undefined
      ? []
      : [context.repository.useAssertion(once.digest, once.expiresAt, 'putIfAbsent')]),
    ...issued.writes,
    ...context.audit.writes({ ...issued.entry, outcome: 'allowed', actor: client.id, client: client.id }),
  ]);
  if (commit.ok) return;
  if (commit.failed.includes(0)) throw refused('client_assertion_replayed');
  if (once !== undefined && commit.failed.includes(1)) throw once.refusal;
  throw new Error('a freshly made id was taken');
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
    ...(client === undefined ? {} : { actor: client, client }),
    ...note,
    detail: { error: refusal.code },
  };
  if (authenticated === undefined) return context.audit.recordStranger(entry);
  const { digest, expiresAt } = authenticated.assertion;
  await context.repository.commit([
    // Used up as well: a refused assertion must not be tried on something else.
    context.repository.useAssertion(digest, expiresAt, 'put'),
    ...context.audit.writes(entry),
  ]);
}
