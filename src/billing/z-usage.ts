import { z } from '@hono/zod-openapi';
import { agentIdSchema, instantSchema, pageQuerySchema, slugSchema } from '../api/schemas.ts';
import { parseRfc3339 } from '../kernel/rfc3339.ts';
import { groupings, windows } from './usage-view.ts';
import { nameSchema } from './z-named-values.ts';
import { eventResultSchema, rejections, usageEventSchema } from './z-usage-event.ts';

/** A time, or a day for its first instant in UTC; becomes epoch milliseconds. */
const momentSchema = z
  .string()
  .max(64)
  .transform((text, context) => {
    const moment = parseRfc3339(text.includes('T') || text.includes('t') ? text : `${text}T00:00:00Z`);
    if (moment !== undefined) return moment;
    context.addIssue({ code: 'custom', message: 'must be an RFC 3339 time, or a day such as 2026-01-31' });
    return z.NEVER;
  })
  .openapi({ type: 'string', example: '2026-01-31T12:00:00Z' });

const groupBySchema = z
  .string()
  .max(100)
  .transform((text) => text.split(','))
  .pipe(z.array(z.enum(groupings)).max(groupings.length))
  .openapi({
    type: 'string',
    description: `Comma-separated: ${groupings.join(', ')}. The meter always is one`,
    example: 'agent,meter',
  });

export const usageQuerySchema = z.object({
  tenant: slugSchema.optional().openapi({ description: 'Only this tenant' }),
  provider: slugSchema.optional().openapi({ description: 'Only this provider' }),
  agent: agentIdSchema.optional().openapi({ description: 'Only this agent', example: 'skyways/flights' }),
  meter: nameSchema.optional().openapi({ description: 'Only this meter' }),
  from: momentSchema.optional().openapi({ description: 'Default: the first instant of this month' }),
  to: momentSchema.optional().openapi({ description: 'Exclusive; default: now' }),
  window: z
    .enum(windows)
    .optional()
    .openapi({ description: 'One row for each, in UTC; absent: one for all' }),
  groupBy: groupBySchema.optional(),
});
export const tenantUsageQuerySchema = usageQuerySchema.omit({ tenant: true });

const usageRowSchema = z
  .object({
    window: instantSchema.optional().openapi({ description: 'When it begins' }),
    tenant: z.string().optional(),
    provider: z.string().optional(),
    agent: z.string().optional(),
    kind: z.enum(['observed', 'reported']).optional(),
    meter: z.string(),
    quantity: z.string(),
    events: z.int(),
  })
  .openapi('UsageRow');

export const usageAnswerSchema = z.object({ items: z.array(usageRowSchema) });
export const ingestAnswerSchema = z.object({ results: z.array(eventResultSchema) }).openapi('UsageResults');

export const quarantineQuerySchema = pageQuerySchema.extend({
  provider: slugSchema.optional().openapi({ description: 'Who reported them; default: the caller’s own' }),
});
export const quarantinedSchema = z.object({
  id: z.string(),
  provider: z.string(),
  reason: z.enum(Object.keys(rejections) as [keyof typeof rejections]),
  at: instantSchema,
  event: usageEventSchema,
});
