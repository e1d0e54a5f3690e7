import { createRoute, z } from '@hono/zod-openapi';
import { requireOperator } from '../api/guards.ts';
import { instant } from '../api/present.ts';
import type { Router } from '../api/router.ts';
import { answers, instantSchema, problems, takes } from '../api/schemas.ts';
import type { Trust } from './index.ts';
import { keyPurposes } from './key-record.ts';
import { reasonSchema } from './schema.ts';

const keySchema = z
  .object({
    keyId: z.string(),
    purpose: z.enum(keyPurposes),
    state: z.enum(['upcoming', 'current', 'retiring', 'retired']),
    createdAt: instantSchema,
    activeFrom: instantSchema,
    countsUntil: instantSchema
      .optional()
      .openapi({ description: 'Nothing that it signed counts after this; absent while it has no successor' }),
  })
  .openapi('SigningKey');
const keysSchema = z.object({ items: z.array(keySchema) });

const rotationSchema = z.strictObject({
  purposes: z.array(z.enum(keyPurposes)).min(1).max(keyPurposes.length).optional().openapi({
    description: 'Default: all',
  }),
  compromised: z.boolean().optional().openapi({
    description:
      'The new key signs at once, and what earlier ones signed counts no more, live tokens included',
  }),
  reason: z.string().trim().min(1).max(500),
});

const tags = ['Keys'];

const listKeys = createRoute({
  method: 'get',
  path: '/v1/keys',
  operationId: 'listSigningKeys',
  tags,
  summary: 'The broker’s signing keys, retired ones too',
  description: 'The operator only. Private halves are never shown',
  responses: { 200: answers(keysSchema, 'The keys, oldest first'), ...problems(401, 403) },
});

const rotate = createRoute({
  method: 'post',
  path: '/v1/keys/rotate',
  operationId: 'rotateSigningKeys',
  tags,
  summary: 'Make the next signing keys',
  description:
    'Published at once, they sign ten minutes later, when everybody has fetched them. The ones before count until nothing that they ' +
    'signed is left. The operator only',
  request: takes(rotationSchema),
  responses: { 200: answers(keysSchema, 'The keys now'), ...problems(400, 401, 403, 409) },
});

const reencrypt = createRoute({
  method: 'post',
  path: '/v1/keys/reencrypt',
  operationId: 'reencryptKeys',
  tags,
  summary: 'Encrypt with the current master key what the previous one encrypted',
  description:
    'After a start with a new BROKER_MASTER_KEY and the old one in BROKER_MASTER_KEY_PREVIOUS, on every replica. When it is done, ' +
    'the old one opens nothing any more. The operator only',
  request: takes(reasonSchema),
  responses: {
    200: answers(
      z.object({
        records: z.int().openapi({ description: 'How many another master key had encrypted' }),
      }),
      'Done: all are encrypted with the current master key',
    ),
    ...problems(400, 401, 403, 409),
  },
});

export function addKeyRoutes(router: Router, trust: Trust): void {
  const present = () => ({
    items: trust.listKeys().map(({ createdAt, activeFrom, countsUntil, ...key }) => ({
      ...key,
      createdAt: instant(createdAt),
      activeFrom: instant(activeFrom),
      ...(countsUntil === undefined ? {} : { countsUntil: instant(countsUntil) }),
    })),
  });
  router.openapi(listKeys, (c) => {
    requireOperator(c);
    return c.json(present(), 200);
  });
  router.openapi(rotate, async (c) => {
    const by = requireOperator(c);
    await trust.rotateKeys(c.req.valid('json'), by);
    return c.json(present(), 200);
  });
  router.openapi(reencrypt, async (c) => {
    const by = requireOperator(c);
    const { reason } = c.req.valid('json');
    return c.json({ records: await trust.reencryptKeys(reason, by) }, 200);
  });
}
