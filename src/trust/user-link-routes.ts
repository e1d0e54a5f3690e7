import { createRoute, z } from '@hono/zod-openapi';
import { requireParty } from '../api/guards.ts';
import type { Router } from '../api/router.ts';
import { answers, problems, providerParam, takes } from '../api/schemas.ts';
import type { Trust } from './index.ts';
import { pairwiseSchema } from './schema.ts';

const tags = ['Trust'];
const path = '/v1/providers/{provider}/user-links/{sub}';
const params = z.object({
  provider: providerParam,
  sub: pairwiseSchema.openapi({ description: 'The user’s `sub` in tokens for this provider' }),
});
const linkSchema = z
  .object({ provider: z.string(), sub: z.string(), audSub: z.string() })
  .openapi('ProviderUserLink');
const one = (description: string) => ({ 200: answers(linkSchema, description) });

const put = createRoute({
  method: 'put',
  path,
  operationId: 'linkProviderUser',
  tags,
  summary: 'Say under which id a provider knows a user',
  description: 'Tokens carry it as `aud_sub` from the next exchange on. Of users that the provider has seen',
  request: { params, ...takes(z.strictObject({ audSub: z.string().min(1).max(200) })) },
  responses: { ...one('Linked'), ...problems(400, 401, 403, 404, 409) },
});
const read = createRoute({
  method: 'get',
  path,
  operationId: 'getProviderUserLink',
  tags,
  summary: 'Under which id a provider knows a user',
  request: { params },
  responses: { ...one('The link'), ...problems(400, 401, 403, 404) },
});
const remove = createRoute({
  method: 'delete',
  path,
  operationId: 'unlinkProviderUser',
  tags,
  summary: 'Take away a provider’s own id for a user',
  request: { params },
  responses: { ...one('Taken away'), ...problems(400, 401, 403, 404, 409) },
});

export function addUserLinkRoutes(router: Router, trust: Trust): void {
  router.openapi(put, async (c) => {
    const place = c.req.valid('param');
    const by = requireParty(c, `provider:${place.provider}`, 'trust:write');
    return c.json(await trust.linkUser({ ...place, ...c.req.valid('json') }, by), 200);
  });
  router.openapi(read, async (c) => {
    const { provider, sub } = c.req.valid('param');
    requireParty(c, `provider:${provider}`, 'trust:read');
    return c.json(await trust.readUserLink(provider, sub), 200);
  });
  router.openapi(remove, async (c) => {
    const { provider, sub } = c.req.valid('param');
    const by = requireParty(c, `provider:${provider}`, 'trust:write');
    return c.json(await trust.unlinkUser(provider, sub, by), 200);
  });
}
