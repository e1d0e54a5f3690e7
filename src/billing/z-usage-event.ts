import { z } from '@hono/zod-openapi';
import { agentIdSchema, slugSchema } from '../api/schemas.ts';
import { isJsonObject, type JsonValue } from '../kernel/json.ts';
import { namedValues } from './z-named-values.ts';
import { parseQuantity } from './quantity.ts';

export const usageReportedType = 'a2a.broker.usage.reported.v1';
export const maxEventsPerBatch = 1000;

const quantitySchema = z
  .string()
  .max(40)
  .refine((text) => parseQuantity(text) !== undefined, {
    message:
      'must be a decimal string, not negative, with at most 18 digits before and 9 after the point, such as "12.5"',
  });

/** CloudEvents 1.0.2, JSON format; `time` is RFC 3339. Unknown extension attributes are refused: nobody would read them. */
export const usageEventSchema = z
  .strictObject({
    specversion: z.literal('1.0'),
    id: z.string().min(1).max(128),
    source: z.string().min(1).max(256).openapi({ example: 'urn:broker.example.com:provider:skyways' }),
    type: z.literal(usageReportedType),
    subject: z.string().max(256).optional().openapi({ description: '`{tenant}/{provider}/{agent}`' }),
    time: z.iso.datetime({ offset: true, error: 'must be an RFC 3339 time' }),
    datacontenttype: z
      .string()
      .max(64)
      .regex(/^application\/json(?:\s*;\s*charset="?utf-8"?)?$/i, 'must be application/json')
      // A flag has no place in JSON Schema; what is matched is more than this.
      .openapi({ pattern: '^application/json', example: 'application/json' })
      .optional(),
    dataschema: z.string().max(512).optional(),
    tenantid: slugSchema,
    providerid: slugSchema,
    agentid: agentIdSchema,
    callid: z.string().min(1).max(128).optional(),
    correlationid: z.string().min(1).max(128).optional(),
    traceparent: z.string().max(64).optional(),
    tracestate: z.string().max(512).optional(),
    delegationid: z
      .string()
      .regex(/^[A-Za-z0-9_-]{43}$/, 'must be the SHA-256 of the token’s jti, in base64url'),
    data: z.strictObject({
      quantities: namedValues(quantitySchema, 20).refine(
        (quantities) => Object.keys(quantities).length > 0,
        'must name a meter',
      ),
      dimensions: namedValues(z.string().max(128), 10).optional(),
    }),
  })
  .openapi('UsageEvent');

export type UsageEvent = z.output<typeof usageEventSchema>;

export const eventResultSchema = z.object({
  id: z.string().optional().openapi({ description: 'Of the event, where it could be read' }),
  status: z.enum(['accepted', 'duplicate', 'rejected']),
  reason: z.string().optional().openapi({ description: 'Why it was rejected; stable' }),
  detail: z.string().optional(),
});

export type EventResult = z.output<typeof eventResultSchema>;

/** The event, or why it is none. */
export function readEvent(value: JsonValue): { event: UsageEvent } | { refused: EventResult } {
  const parsed = usageEventSchema.safeParse(withoutNulls(value));
  if (parsed.success) return { event: parsed.data };
  const id = isJsonObject(value) && typeof value['id'] === 'string' ? value['id'].slice(0, 128) : undefined;
  const [issue] = parsed.error.issues;
  const detail =
    issue === undefined ? 'is not valid' : `${issue.path.join('.') || 'event'}: ${issue.message}`;
  return {
    refused: {
      ...(id === undefined ? {} : { id }),
      status: 'rejected',
      reason: 'invalid_event',
      detail: detail.slice(0, 300),
    },
  };
}

/** An attribute that is null is not there (JSON Event Format §2.2). */
function withoutNulls(value: JsonValue): JsonValue {
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).filter(([name, member]) => name === 'data' || member !== null),
  );
}
