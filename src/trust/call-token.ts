import { epochSeconds } from '../kernel/clock.ts';
import { sha256 } from '../kernel/digest.ts';
import { awsSessionTags } from './aws-session-tags.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { AuthenticationContext } from './authentication-context.ts';
import type { TrustContext } from './deps.ts';
import { idJagSeconds, idJagType } from './id-jag.ts';
import { signJwt } from './jwt.ts';
import type { KnownUser } from './known-user.ts';
import type { Actor, Delegation } from './model.ts';
import { accessTokenSeconds } from './model.ts';
import type { Standing } from './standing.ts';

/** The version of `tctx`, our tenant context profile. */
const tenantContextVersion = 1;

export interface CallTokenInput {
  readonly standing: Standing;
  readonly audience: string;
  readonly deployment?: string | undefined;
  /** An ID-JAG instead of an access token: for this authorization server, which knows the client by this id. */
  readonly idJag?: IdJagFor | undefined;
  readonly clientId: string;
  readonly scope: readonly string[];
  readonly act: Actor;
  readonly depth: number;
  readonly maxDepth?: number | undefined;
  readonly residency?: readonly string[] | undefined;
  readonly origin: Delegation['origin'];
  /** The same, as the provider knows it. */
  readonly user: KnownUser;
  readonly authentication: AuthenticationContext;
  readonly txn: string;
  readonly parent?: Delegation | undefined;
  readonly chain: Delegation['chain'];
  /** Thumbprint of the key to which it is bound (RFC 9449 §6.1). */
  readonly jkt?: string | undefined;
  /** Epoch seconds. */
  readonly notAfter: number;
}

export interface IdJagFor {
  readonly authorizationServer: string;
  readonly clientId: string;
}

export interface CallToken {
  readonly token: string;
  readonly delegation: Delegation;
}

/**
 * Makes a token for one audience (RFC 9068), or an ID-JAG for the authorization server that protects it, and the delegation
 * that backs it; writes nothing.
 */
export function mintCallToken(context: TrustContext, input: CallTokenInput): CallToken {
  const { tenant, subscription, agent } = input.standing;
  const { idJag } = input;
  const issuedAt = epochSeconds(context.clock);
  const expiresAt = Math.min(
    issuedAt + (idJag === undefined ? accessTokenSeconds : idJagSeconds),
    input.notAfter,
  );
  const jti = context.ids.next('jti');
  const claims: Record<string, JsonValue> = {
    iss: context.brokerUrl,
    ...(idJag === undefined
      ? { aud: input.audience, client_id: input.clientId }
      : { aud: idJag.authorizationServer, client_id: idJag.clientId, resource: input.audience }),
    sub: input.user.sub,
    iat: issuedAt,
    exp: expiresAt,
    jti,
    scope: input.scope.join(' '),
    tenant: tenant.id,
    ...(subscription.audTenant === undefined ? {} : { aud_tenant: subscription.audTenant }),
    ...(input.user.audSub === undefined ? {} : { aud_sub: input.user.audSub }),
    act: input.act as unknown as JsonValue,
    ...(input.jkt === undefined ? {} : { cnf: { jkt: input.jkt } }),
    txn: input.txn,
    ...(idJag === undefined && takesAwsTags(input) ? awsSessionTags(tenant.id) : {}),
    ...input.authentication,
    tctx: {
      v: tenantContextVersion,
      tier: tenant.tier,
      ...(tenant.region === undefined ? {} : { region: tenant.region }),
    },
  };
  const delegation: Delegation = {
    id: sha256(jti),
    txn: input.txn,
    ...(input.parent === undefined ? {} : { parent: input.parent.id }),
    tenant: tenant.id,
    provider: agent.provider,
    agent: agent.id,
    ...(input.deployment === undefined ? {} : { deployment: input.deployment }),
    ...(idJag === undefined ? {} : { authorizationServer: idJag.authorizationServer }),
    clientId: input.clientId,
    scope: input.scope,
    issuedAt,
    expiresAt,
    depth: input.depth,
    ...(input.maxDepth === undefined ? {} : { maxDepth: input.maxDepth }),
    ...(input.residency === undefined ? {} : { residency: input.residency }),
    origin: input.origin,
    chain: input.chain,
    claims,
  };
  const type = idJag === undefined ? 'at+jwt' : idJagType;
  return { token: signJwt(claims, type, context.keys.signingKey()), delegation };
}

/** As its provider asked for it. A token for the gateway never reaches AWS. */
function takesAwsTags({ deployment, audience, standing }: CallTokenInput): boolean {
  if (deployment === undefined) return false;
  return standing.agent.deployments.some(
    ({ resource, awsSessionTags: asked }) => resource === audience && asked === true,
  );
}
