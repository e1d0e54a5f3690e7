import { epochSeconds } from '../../kernel/clock.ts';
import type { Client } from '../model.ts';
import { accessTokenSeconds } from '../model.ts';
import { partyId, partyKind } from '../../kernel/principal.ts';
import { signJwt } from '../jwt.ts';
import { OAuthRefusal } from '../errors.ts';
import type { TrustContext } from '../deps.ts';
import { recent } from '../recent-facts.ts';
import { invalidTarget } from '../resolve-target.ts';
import { isPartyActive } from '../standing.ts';
import { requestedScopes, type TokenRequest } from '../token-request.ts';
import type { Grant, Issued } from './grant.ts';

/** RFC 6749 §4.4: a program acts as itself, at our own management API and nowhere else. */
export const clientCredentials: Grant = async (context, request, client) => {
  const targets = [request.resource, request.audience].filter((target) => target !== undefined);
  if (targets.some((target) => target !== context.brokerUrl)) throw invalidTarget('target_not_broker');
  if (!(await isPartyActive(context, client.owner, recent)) && !(await isPartyActive(context, client.owner)))
    throw new OAuthRefusal(
      'unauthorized_client',
      'client_owner_not_active',
      'This client may not get a token now.',
    );
  const scopes = narrow(client, request);
  return mint(context, client, scopes, request.proof?.jkt);
};

function narrow(client: Client, request: TokenRequest): readonly string[] {
  const asked = requestedScopes(request) ?? client.scopes;
  const granted = client.scopes.filter((scope) => asked.includes(scope));
  if (granted.length === 0)
    throw new OAuthRefusal('invalid_scope', 'scope_empty', 'None of the scopes is allowed to this client.');
  return granted;
}

function mint(
  context: TrustContext,
  client: Client,
  scopes: readonly string[],
  jkt: string | undefined,
): Issued {
  const now = epochSeconds(context.clock);
  const jti = context.ids.next('jti');
  const scope = scopes.join(' ');
  const token = signJwt(
    {
      iss: context.brokerUrl,
      aud: context.brokerUrl,
      sub: client.id,
      client_id: client.id,
      iat: now,
      exp: now + accessTokenSeconds,
      jti,
      scope,
      ...(jkt === undefined ? {} : { cnf: { jkt } }),
    },
    'at+jwt',
    context.keys.signingKey(),
  );
  return {
    token,
    expiresIn: accessTokenSeconds,
    scope,
    writes: [],
    entry: {
      action: 'token.client_credentials',
      [partyKind(client.owner)]: partyId(client.owner),
      detail: { jti, scope },
    },
  };
}
