import { createRoute, z } from '@hono/zod-openapi';
import { ifMatch, setEtag } from '../api/etag.ts';
import { requireOperator, requireParty } from '../api/guards.ts';
import { defined, presentPage } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import {
  answers,
  madeIdParam,
  pageOf,
  pageQuerySchema,
  problems,
  providerParam,
  takes,
  tenantParam,
} from '../api/schemas.ts';
import type { Party } from '../kernel/principal.ts';
import type { Trust } from './index.ts';
import type { JsonWebKeySet } from './key-set.ts';
import type { TrustRecord } from './model.ts';
import { presentIssuer } from './present-issuer.ts';
import { issuerChangeSchema, issuerProofSchema, issuerSchemaOut, newIssuerSchema } from './z-issuer.ts';

/** The same calls for the issuers of both kinds of party. */
export function addIssuerRoutes(router: Router, trust: Trust, brokerUrl: string): void {
  const present = (record: TrustRecord) => presentIssuer(record, brokerUrl);
  addFor(router, trust, present, { kind: 'provider', Kind: 'Provider', param: providerParam });
  addFor(router, trust, present, { kind: 'tenant', Kind: 'Tenant', param: tenantParam });
}

interface PartyKind {
  readonly kind: 'provider' | 'tenant';
  /** For names. */
  readonly Kind: string;
  readonly param: typeof providerParam;
}

function describe({ kind, Kind, param }: PartyKind) {
  const tags = ['Trust'];
  const params = z.object({ [kind]: param });
  const oneParams = params.extend({ issuer: madeIdParam('trust record') });
  const path = `/v1/${kind}s/{${kind}}/issuers`;
  const one = (description: string) => ({ 200: answers(issuerSchemaOut, description) });
  return {
    create: createRoute({
      method: 'post',
      path,
      operationId: `register${Kind}Issuer`,
      tags,
      summary: `Register a ${kind}’s own issuer`,
      description:
        'By the operator it is trusted at once; by a client of the party it is a claim until it is verified. The key set is fetched ' +
        'and checked in either case',
      request: { params, ...takes(newIssuerSchema) },
      responses: {
        201: answers(issuerSchemaOut, 'Trusted, or claimed'),
        ...problems(400, 401, 403, 409, 422),
      },
    }),
    list: createRoute({
      method: 'get',
      path,
      operationId: `list${Kind}Issuers`,
      tags,
      summary: `List a ${kind}’s issuers`,
      request: { params, query: pageQuerySchema },
      responses: { 200: answers(pageOf(issuerSchemaOut), 'One page'), ...problems(400, 401, 403) },
    }),
    read: createRoute({
      method: 'get',
      path: `${path}/{issuer}`,
      operationId: `get${Kind}Issuer`,
      tags,
      summary: `Read a ${kind}’s issuer: its state, why, and what there is to publish`,
      request: { params: oneParams },
      responses: { ...one('The issuer'), ...problems(401, 403, 404) },
    }),
    change: createRoute({
      method: 'patch',
      path: `${path}/{issuer}`,
      operationId: `change${Kind}Issuer`,
      tags,
      summary: `Change a ${kind}’s issuer`,
      description:
        '`null` takes an optional field away. Another key set has to be verified again, unless the operator sets it. Honours `If-Match`',
      request: { params: oneParams, ...takes(issuerChangeSchema) },
      responses: { ...one('Changed'), ...problems(400, 401, 403, 404, 409, 412, 422) },
    }),
    verify: createRoute({
      method: 'post',
      path: `${path}/{issuer}/verify`,
      operationId: `verify${Kind}Issuer`,
      tags,
      summary: `Prove that an issuer is the ${kind}’s`,
      description:
        'Looks at the issuer’s metadata, the published challenge and its signature by a published key. ' +
        (kind === 'tenant' ? 'Then the issuer is trusted' : 'Then the issuer waits for the operator'),
      request: { params: oneParams, ...takes(issuerProofSchema) },
      responses: { ...one('Proven'), ...problems(400, 401, 403, 404, 409, 422) },
    }),
    approve: createRoute({
      method: 'post',
      path: `${path}/{issuer}/approve`,
      operationId: `approve${Kind}Issuer`,
      tags,
      summary: `Trust a ${kind}’s issuer that is proven, or whose keys were replaced (operator)`,
      request: { params: oneParams },
      responses: { ...one('Trusted'), ...problems(401, 403, 404, 409, 422) },
    }),
    move: createRoute({
      method: 'post',
      path: `${path}/{issuer}/{step}`,
      operationId: `set${Kind}IssuerStatus`,
      tags,
      summary: `Disable or enable a ${kind}’s issuer, at once`,
      description: 'What the operator has disabled, the operator alone enables',
      request: {
        params: oneParams.extend({
          step: z.enum(['disable', 'enable']).openapi({ description: 'What to do' }),
        }),
      },
      responses: { ...one('Changed'), ...problems(400, 401, 403, 404, 409) },
    }),
  };
}

function addFor(
  router: Router,
  trust: Trust,
  present: (record: TrustRecord) => ReturnType<typeof presentIssuer>,
  of: PartyKind,
): void {
  const { kind } = of;
  const routes = describe(of);
  const ownerOf = (param: Readonly<Record<string, string>>): Party => `${kind}:${param[kind] ?? ''}`;

  router.openapi(routes.create, async (c) => {
    const owner = ownerOf(c.req.valid('param'));
    const by = requireParty(c, owner, 'trust:write');
    const { jwks, expiresAt, ...input } = defined(c.req.valid('json'));
    const record = await trust.registerIssuer(
      owner,
      {
        ...input,
        ...(jwks === undefined ? {} : { jwks: jwks as JsonWebKeySet }),
        ...(expiresAt === undefined ? {} : { expiresAt: Date.parse(expiresAt) }),
      },
      by,
    );
    return c.json(present(record), 201);
  });
  router.openapi(routes.list, async (c) => {
    const owner = ownerOf(c.req.valid('param'));
    requireParty(c, owner, 'trust:read');
    const page = await trust.listIssuers(owner, defined(c.req.valid('query')));
    return c.json(presentPage(page, present), 200);
  });
  router.openapi(routes.read, async (c) => {
    const { issuer = '', ...party } = c.req.valid('param');
    const owner = ownerOf(party);
    requireParty(c, owner, 'trust:read');
    const { record, version } = await trust.findIssuer(owner, issuer);
    setEtag(c, version);
    return c.json(present(record), 200);
  });
  router.openapi(routes.change, async (c) => {
    const { issuer = '', ...party } = c.req.valid('param');
    const owner = ownerOf(party);
    const update = { by: requireParty(c, owner, 'trust:write'), version: ifMatch(c) };
    const { jwks, expiresAt, ...change } = defined(c.req.valid('json'));
    const { record, version } = await trust.changeIssuer(
      owner,
      issuer,
      {
        ...change,
        ...(jwks === undefined ? {} : { jwks: jwks as JsonWebKeySet }),
        ...(expiresAt === undefined ? {} : { expiresAt: expiresAt === null ? null : Date.parse(expiresAt) }),
      },
      update,
    );
    setEtag(c, version);
    return c.json(present(record), 200);
  });
  router.openapi(routes.verify, async (c) => {
    const { issuer = '', ...party } = c.req.valid('param');
    const owner = ownerOf(party);
    const by = requireParty(c, owner, 'trust:write');
    return c.json(present(await trust.verifyIssuer(owner, issuer, c.req.valid('json').proof, by)), 200);
  });
  router.openapi(routes.approve, async (c) => {
    const { issuer = '', ...party } = c.req.valid('param');
    const by = requireOperator(c);
    return c.json(present(await trust.approveIssuer(ownerOf(party), issuer, by)), 200);
  });
  router.openapi(routes.move, async (c) => {
    const { issuer = '', step, ...party } = c.req.valid('param');
    const owner = ownerOf(party);
    const by = requireParty(c, owner, 'trust:write');
    const status = step === 'disable' ? 'disabled' : 'active';
    return c.json(present(await trust.setIssuerStatus(owner, issuer, status, by)), 200);
  });
}
