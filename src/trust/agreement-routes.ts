import { createRoute, z } from '@hono/zod-openapi';
import { requireScope } from '../api/guards.ts';
import { defined, instant, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, madeIdParam, pageOf, pageQuerySchema, problems, takes } from '../api/schemas.ts';
import type { Trust } from './index.ts';
import type { Agreement } from './model.ts';
import { reasonSchema } from './schema.ts';
import { agreementSchema, newAgreementSchema } from './z-agreement.ts';

const tags = ['Trust'];
const path = '/v1/agreements';
const params = z.object({ agreement: madeIdParam('agreement') });

const create = createRoute({
  method: 'post',
  path,
  operationId: 'makeAgreement',
  tags,
  summary: 'Let one party pass tenants’ context to another',
  description:
    'The operator’s is in force at once. That of one of two providers is a proposal until the other accepts it, and is answered ' +
    'alike whether the other exists',
  request: takes(newAgreementSchema),
  responses: { 201: answers(agreementSchema, 'In force, or proposed'), ...problems(400, 401, 403, 409, 422) },
});
const list = createRoute({
  method: 'get',
  path,
  operationId: 'listAgreements',
  tags,
  summary: 'List agreements; a party sees its own',
  request: { query: pageQuerySchema },
  responses: { 200: answers(pageOf(agreementSchema), 'One page'), ...problems(400, 401, 403) },
});
const read = createRoute({
  method: 'get',
  path: `${path}/{agreement}`,
  operationId: 'getAgreement',
  tags,
  summary: 'Read an agreement',
  request: { params },
  responses: { 200: answers(agreementSchema, 'The agreement'), ...problems(401, 403, 404) },
});
const accept = createRoute({
  method: 'post',
  path: `${path}/{agreement}/accept`,
  operationId: 'acceptAgreement',
  tags,
  summary: 'Accept what the other side has proposed',
  request: { params },
  responses: { 200: answers(agreementSchema, 'In force'), ...problems(400, 401, 403, 404, 409, 422) },
});
const revoke = createRoute({
  method: 'post',
  path: `${path}/{agreement}/revoke`,
  operationId: 'revokeAgreement',
  tags,
  summary: 'Revoke an agreement, or decline or withdraw a proposal; everything that rests on it stops',
  request: { params, ...takes(reasonSchema) },
  responses: { 200: answers(agreementSchema, 'Revoked'), ...problems(400, 401, 403, 404, 409) },
});

export function addAgreementRoutes(router: Router, trust: Trust): void {
  router.openapi(create, async (c) => {
    const by = requireScope(c, 'trust:write');
    const { expiresAt, ...input } = defined(c.req.valid('json'));
    const agreement = await trust.makeAgreement(
      expiresAt === undefined ? input : { ...input, expiresAt: Date.parse(expiresAt) },
      by,
    );
    return c.json(presentAgreement(agreement), 201);
  });
  router.openapi(list, async (c) => {
    const by = requireScope(c, 'trust:read');
    const page = await trust.listAgreements(defined(c.req.valid('query')), by);
    return c.json(presentPage(page, presentAgreement), 200);
  });
  router.openapi(read, async (c) => {
    const by = requireScope(c, 'trust:read');
    return c.json(presentAgreement(await trust.readAgreement(c.req.valid('param').agreement, by)), 200);
  });
  router.openapi(accept, async (c) => {
    const by = requireScope(c, 'trust:write');
    return c.json(presentAgreement(await trust.acceptAgreement(c.req.valid('param').agreement, by)), 200);
  });
  router.openapi(revoke, async (c) => {
    const by = requireScope(c, 'trust:write');
    const { agreement } = c.req.valid('param');
    const { reason } = c.req.valid('json');
    return c.json(presentAgreement(await trust.revokeAgreement(agreement, reason, by)), 200);
  });
}

function presentAgreement({ scopes, tenants, residency, createdAt, expiresAt, ...rest }: Agreement) {
  return {
    ...rest,
    ...(scopes === undefined ? {} : { scopes: [...scopes] }),
    ...(tenants === undefined ? {} : { tenants: [...tenants] }),
    ...(residency === undefined ? {} : { residency: [...residency] }),
    createdAt: instant(createdAt),
    ...(expiresAt === undefined ? {} : { expiresAt: instant(expiresAt) }),
  };
}
