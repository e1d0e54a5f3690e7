import { epochSeconds } from '../kernel/clock.ts';
import { sha256 } from '../kernel/digest.ts';
import { asText, type JsonObject } from '../kernel/json.ts';
import type { Write } from '../storage/port.ts';
import { type AboutTokenRequest, answerAboutToken, companyOf, type Finding } from './about-token.ts';
import type { TrustContext } from './deps.ts';
import { OAuthRefusal } from './errors.ts';
import type { Client } from './model.ts';
import type { OwnTokenVerifier } from './own-token.ts';
import { revocationWrites, revokedNow } from './revoke-delegation.ts';
import { withRevoked } from './revoked-tokens.ts';

/**
 * RFC 7009, by the client to which the token was issued. A call token's delegation is revoked, and with it all that continues
 * it; a management token works no more. For what is no token of ours, is over, or was issued to somebody else nothing happens,
 * and the answer is the same: §2.1 would have the last refused, but that tells whoever found a token that it is one.
 *
 * Throws `OAuthRefusal`: `unsupported_token_type` for what we sign but cannot take back.
 */
export function revokeToken(
  context: TrustContext,
  verifier: OwnTokenVerifier,
  request: AboutTokenRequest,
): Promise<void> {
  return answerAboutToken<undefined>(context, 'token.revoke', request, async (client, token) => {
    const claims = verifier.read(token);
    if (!claims.ok && claims.error === 'token_type_wrong')
      throw new OAuthRefusal(
        'unsupported_token_type',
        'token_type_wrong',
        'Only access tokens can be revoked.',
      );
    if (!claims.ok) return nothing(client, claims.error);
    if (claims.value['client_id'] !== client.id) return nothing(client, 'token_of_other_client');
    return claims.value['aud'] === context.brokerUrl
      ? managementToken(context, client, claims.value)
      : callToken(context, client, claims.value);
  });
}

function nothing(client: Client, reason: string): Finding<undefined> {
  return { answer: undefined, writes: [], entry: { outcome: 'refused', reason, ...companyOf(client) } };
}

async function callToken(
  context: TrustContext,
  client: Client,
  claims: JsonObject,
): Promise<Finding<undefined>> {
  const record = await context.repository.delegationRecord(sha256(asText(claims['jti'])));
  if (record === undefined) return nothing(client, 'token_revoked');
  const { tenant, provider, agent, txn, id, revokedAt } = record.value;
  const writes: readonly Write[] =
    revokedAt === undefined
      ? await revocationWrites(context, record, revokedNow(context, record.value, 'revoked by its client'))
      : [];
  return {
    answer: undefined,
    writes,
    entry: { outcome: 'allowed', tenant, provider, agent, txn, detail: { delegation: id } },
  };
}

async function managementToken(
  context: TrustContext,
  client: Client,
  claims: JsonObject,
): Promise<Finding<undefined>> {
  const record = await context.repository.client(client.id);
  if (record === undefined) return nothing(client, 'token_revoked');
  const token = {
    id: sha256(asText(claims['jti'])),
    issuedAt: Number(claims['iat']),
    expiresAt: Number(claims['exp']),
  };
  const revokedTokens = withRevoked(record.value.revokedTokens, token, epochSeconds(context.clock));
  return {
    answer: undefined,
    writes: [context.repository.replaceClient({ ...record.value, revokedTokens }, record.version)],
    entry: { outcome: 'allowed', ...companyOf(client), detail: { jti: asText(claims['jti']) } },
  };
}
