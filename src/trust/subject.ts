import { epochSeconds } from '../kernel/clock.ts';
import { sha256 } from '../kernel/digest.ts';
import { partyKind } from '../kernel/principal.ts';
import { type AuthenticationContext, readAuthentication } from './authentication-context.ts';
import type { TrustContext } from './deps.ts';
import type { DpopProof } from './dpop-proof.ts';
import { readForeignActors, requireMayAct } from './foreign-claims.ts';
import { maxTokenBytes, type ParsedJwt, parseJwt } from './jwt.ts';
import { mapTenant } from './map-tenant.ts';
import type { Actor, Client, Delegation } from './model.ts';
import { recent } from './recent-facts.ts';
import { brokeredUrl } from './resolve-target.ts';
import { checkChain } from './standing.ts';
import { bad, type TokenRequest } from './token-request.ts';
import {
  isInboundTokenType,
  type IssuerToken,
  refusedToken,
  requirePossession,
  verifyIssuerToken,
} from './verify-issuer-token.ts';

/** For whom and on whose behalf: the outcome of reading the subject token. */
export interface Subject {
  readonly tenant: string;
  readonly origin: Delegation['origin'];
  /** Epoch seconds; nothing issued may outlive it. */
  readonly expiresAt: number;
  /** The most that may be granted; absent: the subject sets no limit of its own. */
  readonly scope?: readonly string[] | undefined;
  /** The only targets that its issuer made it for (`resource`, RFC 8707); absent: any. */
  readonly audiences?: readonly string[] | undefined;
  /** The delegation that is continued; absent at the first hop. */
  readonly parent?: Delegation;
  /** The actors so far, newest first. */
  readonly act?: Actor;
  readonly authentication: AuthenticationContext;
}

/** Throws `invalid_request`, `temporarily_unavailable`. */
export async function readSubject(
  context: TrustContext,
  request: TokenRequest,
  client: Client,
): Promise<Subject> {
  if (request.subject_token === undefined || request.subject_token_type === undefined)
    throw bad('subject_missing', 'subject_token and subject_token_type are needed.');
  if (!isInboundTokenType(request.subject_token_type))
    throw bad('subject_type_unknown', 'This subject_token_type is not supported.');
  if (request.subject_token.length > maxTokenBytes) throw refusedToken('token_malformed');
  const parsed = parseJwt(request.subject_token);
  if (!parsed.ok) throw refusedToken(parsed.error);
  if (parsed.value.claims['iss'] === context.brokerUrl) {
    if (request.subject_token_type !== 'urn:ietf:params:oauth:token-type:access_token')
      throw bad('subject_type_wrong', 'A broker token is an access_token.');
    return continueDelegation(context, parsed.value, client, request.proof);
  }

  const token = await verifyIssuerToken(
    context,
    parsed.value,
    request.subject_token_type,
    client,
    request.proof,
  );
  return subjectOf(context, token, client);
}

/** The user of whom an issuer speaks. Throws `invalid_request`. */
export async function subjectOf(context: TrustContext, token: IssuerToken, client: Client): Promise<Subject> {
  const { issuer } = token.record;
  const { tenant, ...mapped } = await mapTenant(context, token.record, token.claims);
  if (partyKind(client.owner) === 'tenant' && client.owner !== `tenant:${tenant}`)
    throw refusedToken('subject_of_other_tenant');
  requireMayAct(token.claims, issuer, client, context.brokerUrl);
  const act = readForeignActors(token.claims, issuer);
  return {
    tenant,
    origin: { issuer, subject: token.subject, ...mapped },
    expiresAt: token.expiresAt,
    scope: token.scope,
    audiences: token.audiences,
    authentication: readAuthentication(token.claims),
    ...(act === undefined ? {} : { act }),
  };
}

/** The client's agent was called, and passes on what it received: same tenant, same `txn`, one more actor. */
async function continueDelegation(
  context: TrustContext,
  jwt: ParsedJwt,
  client: Client,
  proof: DpopProof | undefined,
): Promise<Subject> {
  const key = context.keys.verificationKey(jwt.keyId);
  if (jwt.algorithm !== 'ES256' || key === undefined) throw refusedToken('token_key_unknown');
  if (!context.seenSignatures.isSignedByAny(jwt, [key])) throw refusedToken('token_signature_wrong');
  if (jwt.type !== 'at+jwt') throw refusedToken('token_type_wrong');
  const { jti, exp, aud, act } = jwt.claims;
  if (typeof jti !== 'string' || typeof exp !== 'number' || exp <= epochSeconds(context.clock))
    throw refusedToken('token_expired');
  const parent = await context.repository.delegation(sha256(jti), recent);
  // A management token has no delegation, and is nobody's subject.
  if (parent === undefined) throw refusedToken('token_audience_wrong');
  if (!(await isAudienceOf(context, aud, client))) throw refusedToken('token_audience_wrong');
  requirePossession(jwt.claims, proof);
  const standing = await checkChain(context, parent);
  if (!standing.ok) throw refusedToken('token_revoked');
  return {
    tenant: parent.tenant,
    origin: parent.origin,
    expiresAt: exp,
    scope: parent.scope,
    parent,
    // Signed by us, so the form is ours.
    act: act as unknown as Actor,
    authentication: readAuthentication(parent.claims),
  };
}

/** The brokered address or a deployment's resource of the very agent that the client is. */
async function isAudienceOf(context: TrustContext, aud: unknown, client: Client): Promise<boolean> {
  if (client.agent === undefined || typeof aud !== 'string') return false;
  if (aud === brokeredUrl(context.brokerUrl, client.agent)) return true;
  return (await context.registry.findResource(aud))?.agentId === client.agent;
}
