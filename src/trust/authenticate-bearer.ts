import { sha256 } from '../kernel/digest.ts';
import { Fault } from '../kernel/fault.ts';
import { asText } from '../kernel/json.ts';
import { type ManagementScope, managementScopes, type Principal } from '../kernel/principal.ts';
import { companyOf } from './about-token.ts';
import type { TrustContext } from './deps.ts';
import { asksForNonce, isDpopProblem } from './dpop-proof.ts';
import type { TrustErrorCode } from './errors.ts';
import type { Client } from './model.ts';
import type { OwnTokenVerifier } from './own-token.ts';
import type { Possession } from './possession.ts';
import { recordMisuse } from './record-misuse.ts';
import { recent } from './recent-facts.ts';
import { isRevoked } from './revoked-tokens.ts';
import { isPartyActive } from './standing.ts';

/**
 * Who holds this management token; `undefined` when it is not valid or was revoked, when it was presented in another way than it
 * demands, or when its client or the client's company may not act. A yes may rest on what was known lately; before a no the facts
 * are read as they are. Throws `invalid_dpop_proof`, `use_dpop_nonce`.
 */
export async function authenticateBearer(
  context: TrustContext,
  verifier: OwnTokenVerifier,
  token: string,
  possession: Possession | undefined,
): Promise<Principal | undefined> {
  const verified = verifier.verify(token, context.brokerUrl);
  if (!verified.ok) return undefined;
  const claims = verified.value;
  const id = sha256(asText(claims['jti']));
  for (const options of [recent, {}]) {
    const client = (await context.repository.client(asText(claims['sub']), options))?.value;
    if (client?.status !== 'active' || !(await isPartyActive(context, client.owner, options))) continue;
    if (isRevoked(client.revokedTokens, { id, issuedAt: Number(claims['iat']) })) return undefined;
    const presented = await context.dpop.checkPresented({ text: token, claims }, possession);
    if (presented.ok) return principalOf(client, asText(claims['scope']).split(' '));
    await recordMisuse(context, { client: client.id, ...companyOf(client) }, presented.error);
    if (isDpopProblem(presented.error)) throw proofFault(presented.error);
    return undefined;
  }
  return undefined;
}

function proofFault(problem: string): Fault<TrustErrorCode> {
  return asksForNonce(problem)
    ? new Fault('use_dpop_nonce', 'The DPoP proof needs the nonce of the header DPoP-Nonce.')
    : new Fault('invalid_dpop_proof', 'The DPoP proof is not valid for this token and request.', {
        detail: { problem },
      });
}

function principalOf(client: Client, asked: readonly string[]): Principal {
  const scopes = managementScopes.filter(
    (scope: ManagementScope) => asked.includes(scope) && client.scopes.includes(scope),
  );
  return { kind: 'client', clientId: client.id, owner: client.owner, scopes };
}
