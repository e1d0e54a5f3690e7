import { sha256 } from '../kernel/digest.ts';
import { asText, type JsonObject } from '../kernel/json.ts';
import { err, ok, type Result } from '../kernel/result.ts';
import { type AboutTokenRequest, answerAboutToken, companyOf, type Finding } from './about-token.ts';
import type { TrustContext } from './deps.ts';
import type { TokenProblem } from './jwt.ts';
import type { Client, Delegation } from './model.ts';
import type { OwnTokenVerifier } from './own-token.ts';
import { recent } from './recent-facts.ts';
import { checkChain, type StandingProblem } from './standing.ts';

/** RFC 7662 §2.2. Nothing is said of a token that is not active, nor why. */
export type Introspection =
  | { readonly active: false }
  | ({ readonly active: true; readonly token_type: string } & JsonObject);

const inactive = { active: false } as const;

/**
 * RFC 7662, for the token's own audience and nobody else: the program that the called agent is, or another of its company that
 * is no agent. To everybody else every token is inactive, be it alive, revoked or no token at all. What the audience is
 * told are the claims that it holds in its hand; what it learns is that they still stand.
 *
 * A token for the gateway, or for the management API, has the broker as its audience: nobody who could ask may hold one, so
 * it is inactive too. Otherwise an agent to which a caller's own token leaked could find out whether it is worth trying.
 *
 * Throws `OAuthRefusal` when the client does not authenticate or the request is malformed.
 */
export function introspectToken(
  context: TrustContext,
  verifier: OwnTokenVerifier,
  request: AboutTokenRequest,
): Promise<Introspection> {
  return answerAboutToken<Introspection>(context, 'token.introspect', request, (client, token) =>
    find(context, verifier, client, token),
  );
}

async function find(
  context: TrustContext,
  verifier: OwnTokenVerifier,
  client: Client,
  token: string,
): Promise<Finding<Introspection>> {
  const mine = await readAsAudience(context, verifier, client, token);
  if (!mine.ok) return refusedBecause(mine.error, companyOf(client));
  const { claims, delegation } = mine.value;
  const { tenant, provider, agent, txn, id } = delegation;
  const about = { tenant, provider, agent, txn, detail: { delegation: id } };
  // Only after the audience: whether others' tokens still stand must not even be told by the time that it takes.
  const standing = await checkChain(context, delegation);
  if (!standing.ok) return refusedBecause(standing.error, about);
  return {
    answer: { active: true, token_type: claims['cnf'] === undefined ? 'Bearer' : 'DPoP', ...claims },
    writes: [],
    entry: { outcome: 'allowed', ...about },
  };
}

async function readAsAudience(
  context: TrustContext,
  verifier: OwnTokenVerifier,
  client: Client,
  token: string,
): Promise<Result<{ readonly claims: JsonObject; readonly delegation: Delegation }, TokenProblem>> {
  const claims = verifier.read(token);
  if (!claims.ok) return claims;
  const delegation = await context.repository.delegation(sha256(asText(claims.value['jti'])), recent);
  if (delegation === undefined || !isAudience(client, delegation)) return err('token_audience_wrong');
  return ok({ claims: claims.value, delegation });
}

/** `deployment` is set where the token is for the provider itself. */
function isAudience({ owner, agent }: Client, delegation: Delegation): boolean {
  return (
    delegation.deployment !== undefined &&
    owner === `provider:${delegation.provider}` &&
    (agent === undefined || agent === delegation.agent)
  );
}

function refusedBecause(
  reason: TokenProblem | StandingProblem,
  about: Partial<Finding<unknown>['entry']>,
): Finding<Introspection> {
  return { answer: inactive, writes: [], entry: { outcome: 'refused', reason, ...about } };
}
