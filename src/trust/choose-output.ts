import type { IdJagFor } from './call-token.ts';
import type { TrustContext } from './deps.ts';
import { OAuthRefusal } from './errors.ts';
import { idJagTokenType } from './id-jag.ts';
import { accessTokenType, type Client } from './model.ts';
import { judgeRecent } from './recent-facts.ts';
import { invalidTarget, type Target } from './resolve-target.ts';
import { isTrusted, type Standing } from './standing.ts';
import { bad } from './token-request.ts';

/**
 * What the target takes: its provider's choice. `undefined`: our access token; else an ID-JAG for the provider's own
 * authorization server. That server must be an issuer of that very provider, in force: or a provider could have us vouch for
 * its scopes at somebody else's. Throws `invalid_request` when the caller asks for the other, `invalid_target`, and
 * `unauthorized_client` when the client has no id there.
 */
export async function chooseOutput(
  context: TrustContext,
  client: Client,
  { agent }: Standing,
  target: Target,
  requested: string | undefined,
): Promise<IdJagFor | undefined> {
  const authorizationServer = agent.deployments.find(
    (deployment) =>
      target.deployment !== undefined &&
      deployment.resource === target.audience &&
      deployment.authorizationServer !== undefined,
  )?.authorizationServer;
  if (target.authorizationServer !== undefined && target.authorizationServer !== authorizationServer)
    throw invalidTarget('authorization_server_other');
  if (authorizationServer === undefined) {
    if (requested === idJagTokenType)
      throw bad('id_jag_not_taken', 'This target takes an access token of the broker, not an ID-JAG.');
    return undefined;
  }
  if (requested === accessTokenType)
    throw bad('id_jag_demanded', `This target takes an ID-JAG: ask for ${idJagTokenType}.`);
  await requireOwnServer(context, authorizationServer, agent.provider);
  const clientId = client.issuerClientIds[authorizationServer];
  if (clientId === undefined)
    throw new OAuthRefusal(
      'unauthorized_client',
      'client_unknown_there',
      'The client has no id at the authorization server of this target (issuerClientIds).',
    );
  return { authorizationServer, clientId };
}

/** Throws `invalid_target` unless it is an issuer of this provider, in force. */
export async function requireOwnServer(
  context: TrustContext,
  issuer: string,
  provider: string,
): Promise<void> {
  await judgeRecent(
    (options) => context.repository.trustRecord(issuer, options),
    (record) => {
      if (!isTrusted(record, context.clock.now()) || record.owner !== `provider:${provider}`)
        throw invalidTarget('authorization_server_not_providers');
      return Promise.resolve();
    },
  );
}
