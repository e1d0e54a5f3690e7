import type { AuditEntry } from '../audit/index.ts';
import { partyId, partyKind } from '../kernel/principal.ts';
import type { Write } from '../storage/port.ts';
import { type AuthenticatedClient, authenticateClient, refused } from './authenticate-client.ts';
import type { TrustContext } from './deps.ts';
import { OAuthRefusal } from './errors.ts';
import type { Client } from './model.ts';
import { bad, parseAboutToken } from './token-request.ts';

/** What was found about a token, to be written down before it is answered. */
export interface Finding<T> {
  readonly answer: T;
  readonly writes: readonly Write[];
  readonly entry: Omit<AuditEntry, 'action' | 'actor'>;
}

export interface AboutTokenRequest {
  readonly contentType: string | undefined;
  readonly body: string;
}

const attempts = 3;

/**
 * The phases of introspection and revocation, the same as at the token endpoint: limits → client authentication, each
 * assertion good once → what is to be found → one durable commit, with its audit entry. What was found is written again when
 * somebody else changed it meanwhile. Throws `OAuthRefusal`.
 */
export async function answerAboutToken<T>(
  context: TrustContext,
  action: `token.${string}`,
  request: AboutTokenRequest,
  find: (client: Client, token: string) => Promise<Finding<T>>,
): Promise<T> {
  let authenticated: AuthenticatedClient | undefined;
  try {
    const form = parseAboutToken(request.contentType, request.body);
    authenticated = await authenticateClient(context, form);
    if (await context.repository.isAssertionUsed(authenticated.assertion.digest))
      throw refused('client_assertion_replayed');
    if (form.token === undefined) throw bad('token_missing', 'token is needed.');
    for (let attempt = 0; attempt < attempts; attempt++) {
      const finding = await find(authenticated.client, form.token);
      if (await isWritten(context, action, authenticated, finding)) return finding.answer;
    }
    throw new OAuthRefusal('temporarily_unavailable', 'contended', 'Others change this right now.', 1);
  } catch (error) {
    if (error instanceof OAuthRefusal) await recordRefusal(context, action, authenticated, error);
    throw error;
  }
}

async function isWritten(
  context: TrustContext,
  action: string,
  { client, assertion }: AuthenticatedClient,
  { entry, writes }: Finding<unknown>,
): Promise<boolean> {
  const full = { client: client.id, ...entry, action, actor: client.id };
  const admitted = full.outcome === 'allowed' ? full : context.refusals.admit(kindOf(full, client.id), full);
  const commit = await context.repository.commit([
    context.repository.useAssertion(assertion.digest, assertion.expiresAt, 'putIfAbsent'),
    ...writes,
    ...(admitted === undefined ? [] : context.audit.writes(admitted)),
  ]);
  if (!commit.ok && commit.failed.includes(0)) throw refused('client_assertion_replayed');
  return commit.ok;
}

async function recordRefusal(
  context: TrustContext,
  action: string,
  authenticated: AuthenticatedClient | undefined,
  refusal: OAuthRefusal,
): Promise<void> {
  const entry = {
    action,
    outcome: 'refused',
    reason: refusal.reason,
    detail: { error: refusal.code },
  } as const;
  if (authenticated === undefined) return context.audit.recordStranger(entry);
  const { client, assertion } = authenticated;
  const full = { ...entry, actor: client.id, client: client.id, ...companyOf(client) };
  const admitted = context.refusals.admit(kindOf(full, client.id), full);
  await context.repository.commit([
    context.repository.useAssertion(assertion.digest, assertion.expiresAt, 'put'),
    ...(admitted === undefined ? [] : context.audit.writes(admitted)),
  ]);
}

function kindOf({ action, reason }: Pick<AuditEntry, 'action' | 'reason'>, client: string): string {
  return `${action} ${reason ?? ''} ${client}`;
}

/** Whose view of the log tells of a client's attempt: its own company's, never that of the company whose token it held. */
export function companyOf({ owner }: Client): Pick<AuditEntry, 'tenant' | 'provider'> {
  return { [partyKind(owner)]: partyId(owner) };
}
