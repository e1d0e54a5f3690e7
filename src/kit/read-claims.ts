import { createHash } from 'node:crypto';
import type { JWTPayload } from 'jose';
import { type Actor, type TenantContext, TenantContextError } from './tenant-context.ts';

/** The tenant context in verified claims. Throws `tenant_context_missing`, `actor_chain_too_long`. */
export function readClaims(claims: JWTPayload, token: string, maxDepth: number): TenantContext {
  const tenantProfile = isRecord(claims['tctx']) ? claims['tctx'] : {};
  const region = tenantProfile['region'];
  const audTenant = claims['aud_tenant'];
  const audSubject = claims['aud_sub'];
  const jti = text(claims, 'jti');
  return {
    tenant: text(claims, 'tenant'),
    ...(typeof audTenant === 'string' ? { audTenant } : {}),
    subject: text(claims, 'sub'),
    ...(typeof audSubject === 'string' ? { audSubject } : {}),
    actors: readActors(claims['act'], maxDepth),
    txn: text(claims, 'txn'),
    tier: text(tenantProfile, 'tier'),
    ...(typeof region === 'string' ? { region } : {}),
    scope: text(claims, 'scope').split(' '),
    jti,
    delegationId: createHash('sha256').update(jti).digest('base64url'),
    expiresAt: Number(claims.exp),
    token,
  };
}

/** Newest first. A loop with a bound, so that nesting costs nothing before it is refused. */
function readActors(act: unknown, maxDepth: number): readonly Actor[] {
  const actors: Actor[] = [];
  for (let level = act; level !== undefined; level = (level as Record<string, unknown>)['act']) {
    if (!isRecord(level)) throw missing('act');
    if (actors.length === maxDepth)
      throw new TenantContextError(
        'actor_chain_too_long',
        `The token has more than ${maxDepth} nested actors.`,
      );
    const clientId = level['client_id'];
    actors.push({
      issuer: text(level, 'iss'),
      subject: text(level, 'sub'),
      ...(typeof clientId === 'string' ? { clientId } : {}),
    });
  }
  if (actors.length === 0) throw missing('act');
  return actors;
}

function text(claims: Readonly<Record<string, unknown>>, name: string): string {
  const value = claims[name];
  if (typeof value !== 'string' || value === '') throw missing(name);
  return value;
}

function missing(name: string): TenantContextError {
  return new TenantContextError(
    'tenant_context_missing',
    `The token has no usable "${name}": it is not one for calling an agent (a management token, perhaps).`,
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
