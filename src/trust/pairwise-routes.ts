import { createRoute, z } from '@hono/zod-openapi';
import { requireOperator } from '../api/guards.ts';
import { instant } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, instantSchema, problems, takes } from '../api/schemas.ts';
import type { Trust } from './index.ts';
import { reasonSchema } from './schema.ts';

const tags = ['Keys'];
const versionsSchema = z.object({
  items: z.array(
    z
      .object({
        version: z.int().openapi({ description: 'The prefix of the subjects: `v2.…`' }),
        activeFrom: instantSchema
          .optional()
          .openapi({ description: 'New users get it from then on; absent: from the beginning' }),
      })
      .openapi('PairwiseVersion'),
  ),
});

const list = createRoute({
  method: 'get',
  path: '/v1/keys/pairwise',
  operationId: 'listPairwiseVersions',
  tags,
  summary: 'The versions of the secret behind pairwise subjects',
  description: 'The operator only. The secret itself is never shown',
  responses: { 200: answers(versionsSchema, 'The versions, oldest first'), ...problems(401, 403) },
});
const rotate = createRoute({
  method: 'post',
  path: '/v1/keys/pairwise/rotate',
  operationId: 'rotatePairwiseSecret',
  tags,
  summary: 'Make the next version of the secret behind pairwise subjects',
  description:
    'Users whom a provider has seen keep their subject there; who is new there gets one of the new version, from ten minutes later on. ' +
    'The operator only',
  request: takes(reasonSchema),
  responses: { 200: answers(versionsSchema, 'The versions now'), ...problems(400, 401, 403, 409) },
});

export function addPairwiseRoutes(router: Router, trust: Trust): void {
  const present = () => ({
    items: trust.listPairwiseSecrets().map(({ version, activeFrom }) => ({
      version,
      ...(activeFrom === 0 ? {} : { activeFrom: instant(activeFrom) }),
    })),
  });
  router.openapi(list, (c) => {
    requireOperator(c);
    return c.json(present(), 200);
  });
  router.openapi(rotate, async (c) => {
    const by = requireOperator(c);
    await trust.rotatePairwiseSecret(c.req.valid('json').reason, by);
    return c.json(present(), 200);
  });
}
