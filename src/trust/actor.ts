import type { TrustContext } from './deps.ts';
import { parseJwt } from './jwt.ts';
import type { Actor, Client } from './model.ts';
import { bad, type TokenRequest } from './token-request.ts';
import { isInboundTokenType, refusedToken, verifyIssuerToken } from './verify-issuer-token.ts';

/**
 * Who acts: the authenticated client. An `actor_token` adds how the client's own company calls it, and must be about that
 * same client, from an issuer of that same company. Throws `invalid_request`, `temporarily_unavailable`.
 */
export async function readActor(
  context: TrustContext,
  request: TokenRequest,
  client: Client,
): Promise<Omit<Actor, 'act'>> {
  if (request.actor_token === undefined) {
    if (request.actor_token_type !== undefined)
      throw bad('actor_missing', 'actor_token_type needs an actor_token.');
    return { iss: context.brokerUrl, sub: client.id, client_id: client.id };
  }
  if (!isInboundTokenType(request.actor_token_type))
    throw bad('actor_type_missing', 'actor_token needs a supported actor_token_type.');
  const parsed = parseJwt(request.actor_token);
  if (!parsed.ok) throw refusedToken(parsed.error);
  const token = await verifyIssuerToken(
    context,
    parsed.value,
    request.actor_token_type,
    client,
    request.proof,
  );
  if (token.record.owner !== client.owner) throw refusedToken('actor_of_other_party');
  if (token.subject !== client.issuerClientIds[token.record.issuer])
    throw refusedToken('actor_is_not_client');
  // Then somebody else acts through it, and would be left out of the chain.
  if (token.claims['act'] !== undefined) throw refusedToken('actor_acts_for_other');
  return { iss: token.record.issuer, sub: token.subject, client_id: client.id };
}

/** Bounded by construction: at most one more than the chain that we signed. */
export function depthOf(act: Actor | undefined): number {
  let depth = 0;
  for (let actor = act; actor !== undefined; actor = actor.act) depth++;
  return depth;
}
