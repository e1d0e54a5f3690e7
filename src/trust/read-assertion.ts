import { lengthPrefixed, sha256 } from '../kernel/digest.ts';
import { asText } from '../kernel/json.ts';
import type { TrustContext } from './deps.ts';
import type { DpopProof } from './dpop-proof.ts';
import { OAuthRefusal } from './errors.ts';
import { chainingGrantTypes, idJagType } from './id-jag.ts';
import { clockSkewSeconds, type ParsedJwt, parseJwt } from './jwt.ts';
import type { Client } from './model.ts';
import { type Subject, subjectOf } from './subject.ts';
import { isSoleAudience, refusedToken, type TokenRules, verifyFromIssuer } from './verify-issuer-token.ts';

/** Of an assertion; it is to be used at once. */
const maxAssertionSeconds = 300;

export interface Assertion {
  readonly subject: Subject;
  /** To be used up together with what the request changes. */
  readonly once: { readonly digest: string; readonly expiresAt: number };
}

/** `proof` is that of the request. Throws `invalid_grant` whatever is wrong with it (RFC 7523 §3.1), `temporarily_unavailable`. */
export async function readAssertion(
  context: TrustContext,
  text: string,
  client: Client,
  proof: DpopProof | undefined,
): Promise<Assertion> {
  try {
    return await read(context, text, client, proof);
  } catch (error) {
    if (!(error instanceof OAuthRefusal) || error.code !== 'invalid_request') throw error;
    throw new OAuthRefusal('invalid_grant', error.reason, error.message);
  }
}

async function read(
  context: TrustContext,
  text: string,
  client: Client,
  proof: DpopProof | undefined,
): Promise<Assertion> {
  const parsed = parseJwt(text);
  if (!parsed.ok) throw refusedToken(parsed.error);
  const jwt = parsed.value;
  // What we made is for others to redeem: here it would be a way around token exchange.
  if (jwt.claims['iss'] === context.brokerUrl) throw refusedToken('assertion_of_broker');
  const token = await verifyFromIssuer(context, jwt, { ...rulesFor(context, jwt, client), proof });
  const { jti } = jwt.claims;
  if (typeof jti !== 'string' || jti === '' || jti.length > 256) throw refusedToken('assertion_jti');
  return {
    subject: await subjectOf(context, token, client),
    once: {
      digest: sha256(lengthPrefixed('grant', token.record.issuer, jti)),
      expiresAt: token.expiresAt + clockSkewSeconds + 1,
    },
  };
}

/**
 * An ID-JAG names the client by our own id for it. The JWT grant of identity chaining has no claim for that, and one that is
 * for anybody would be anybody's: by `client_id` or `azp` it must name the client, by our id or by the issuer's.
 */
function rulesFor(
  { brokerUrl }: TrustContext,
  { type, claims }: ParsedJwt,
  client: Client,
): Omit<TokenRules, 'proof'> {
  const common = { maxLifetimeSeconds: maxAssertionSeconds };
  if (type === idJagType)
    return {
      ...common,
      types: [idJagType],
      isFor: () => isSoleAudience(claims, brokerUrl) && claims['client_id'] === client.id,
    };
  const idThere = client.issuerClientIds[asText(claims['iss'])];
  const parties = [claims['azp'], claims['client_id']].filter((party) => party !== undefined);
  return {
    ...common,
    types: chainingGrantTypes,
    isFor: () =>
      isSoleAudience(claims, brokerUrl) &&
      parties.length > 0 &&
      parties.every((party) => party === client.id || (party !== undefined && party === idThere)),
  };
}
