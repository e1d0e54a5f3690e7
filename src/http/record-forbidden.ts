import { createMiddleware } from 'hono/factory';
import { routePath } from 'hono/route';
import type { HttpEnv } from '../api/env.ts';
import { type Audit, createBoundedRefusals } from '../audit/index.ts';
import type { Clock } from '../kernel/clock.ts';
import { partyId, partyKind } from '../kernel/principal.ts';
import { toFault } from './problem.ts';

const maxPathLength = 300;

/**
 * What an authenticated program was forbidden is in the audit log before it is told so: its own company sees which call it was,
 * the operator also at what it was aimed. Of one program that does not stop asking, a bounded number a minute.
 */
export function recordForbidden(deps: { readonly audit: Pick<Audit, 'record'>; readonly clock: Clock }) {
  const refusals = createBoundedRefusals(deps);
  return createMiddleware<HttpEnv>(async (c, next) => {
    await next();
    const principal = c.get('principal');
    if (principal?.kind !== 'client' || c.error === undefined || toFault(c.error)?.code !== 'forbidden')
      return;
    const { clientId, owner } = principal;
    const entry = refusals.admit(clientId, {
      action: 'api.call',
      outcome: 'refused',
      reason: 'forbidden',
      actor: clientId,
      client: clientId,
      [partyKind(owner)]: partyId(owner),
      detail: { call: `${c.req.method} ${routePath(c, -1)}` },
      restricted: { path: c.req.path.slice(0, maxPathLength) },
    });
    if (entry !== undefined) await deps.audit.record(entry);
  });
}
