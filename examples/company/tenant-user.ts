import type { ServerCallContext, User } from '@a2a-js/sdk/server';
import type { NextFunction, Request, RequestHandler, Response } from 'express';
// A provider would write 'a2a-federation-broker/kit'; see README.md for why this repository's examples do not.
import { type TenantContext, TenantContextError, type TenantContextVerifier } from '../../src/kit/index.ts';

/** Who calls, in the form that the A2A SDK carries through to the agent. */
export class TenantUser implements User {
  readonly isAuthenticated = true;
  readonly userName: string;
  readonly tenantContext: TenantContext;

  constructor(tenantContext: TenantContext) {
    this.tenantContext = tenantContext;
    this.userName = tenantContext.subject;
  }
}

const verified = new WeakMap<Request, TenantContext>();

/** Ahead of everything that the agent does: a call without a tenant context is answered here. */
export function requireTenantContext(verifier: TenantContextVerifier): RequestHandler {
  return (req: Request, res: Response, next: NextFunction) => {
    verifier
      .verify(req.headers.authorization, { method: req.method, dpop: req.get('DPoP') })
      .then((context) => {
        verified.set(req, context);
        next();
      })
      .catch((error: unknown) => {
        if (!(error instanceof TenantContextError)) return next(error);
        console.error(`refused a call: ${error.code}: ${error.message}`);
        if (error.wwwAuthenticate !== undefined) res.setHeader('WWW-Authenticate', error.wwwAuthenticate);
        res.status(error.status).json({ error: error.code });
      });
  };
}

export function userOf(req: Request): Promise<User> {
  const context = verified.get(req);
  if (context === undefined) throw new Error('requireTenantContext must run first');
  return Promise.resolve(new TenantUser(context));
}

export function tenantContextOf(context: ServerCallContext): TenantContext {
  if (!(context.user instanceof TenantUser)) throw new Error('a call came around requireTenantContext');
  return context.user.tenantContext;
}

/** Tasks and running executions are kept apart by this: another tenant's task does not exist. */
export function ownerOf(context: ServerCallContext): string {
  return tenantContextOf(context).tenant;
}
