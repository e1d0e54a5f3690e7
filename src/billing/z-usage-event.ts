import { z } from '@hono/zod-openapi';
import { agentIdSchema, slugSchema } from '../api/schemas.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../kernel/json.ts';
import { parseRfc3339 } from '../kernel/rfc3339.ts';
import { strangeAttribute, unsetNulls, withDecodedData } from './cloud-event.ts';
import { namedValues } from './z-named-values.ts';

export const usageReportedType = 'a2a.broker.usage.reported.v1';
export const maxEventsPerBatch = 1000;

const quantitySchema = z
  .string()
  .max(40)
  .regex(
    /^(?:0|[1-9]\d{0,17})(?:\.\d{1,9})?$/,
    'must be a decimal string, not negative, with at most 18 digits before and 9 after the point, such as "12.5"',
  );

const digestSchema = z
  .string()
  .regex(/^[A-Za-z0-9_-]{43}$/, 'must be the SHA-256 of the token’s jti, in base64url');

/**
 * One report of usage: CloudEvents 1.0.2, JSON Event Format. Extension attributes that are not named here may be there and say
 * nothing to us (core, “Extension Context Attributes”).
 */
export const usageEventSchema = z
  .object({
    specversion: z.literal('1.0'),
    id: z.string().min(1).max(128).openapi({ description: 'Names this event for ever, within its source' }),
    source: z.string().min(1).max(256).openapi({ example: 'urn:broker.example.com:provider:skyways' }),
    type: z.literal(usageReportedType),
    subject: z
      .string()
      .min(1)
      .max(256)
      .optional()
      .openapi({ description: '`{tenantid}/{agentid}`', example: 'acme/skyways/flights' }),
    time: z
      .string()
      .max(64)
      .openapi({ format: 'date-time', description: 'When it happened; at most 35 days ago' }),
    datacontenttype: z
      .string()
      .max(128)
      .regex(/^[\w!#$&^.-]+\/(?:[\w!#$&^.+-]+\+)?json(?:\s*;.*)?$/i, 'must be application/json')
      // A flag has no place in JSON Schema; what is matched is more than this.
      .openapi({ pattern: '^application/json', example: 'application/json' })
      .optional(),
    dataschema: z
      .string()
      .max(512)
      .regex(/^[A-Za-z][A-Za-z0-9+.-]*:\S+$/, 'must be a URI')
      .openapi({ example: 'https://skyways.example/schemas/usage.json' })
      .optional(),
    tenantid: slugSchema,
    providerid: slugSchema,
    agentid: agentIdSchema,
    delegationid: digestSchema.openapi({
      description: 'SHA-256 of the `jti` of the token with which the agent was called, in base64url',
    }),
    delegationroot: digestSchema
      .optional()
      .openapi({ description: 'The delegation with which the chain of calls began' }),
    delegationdepth: z.int32().min(1).optional().openapi({ description: 'Actors in the chain' }),
    callid: z.string().min(1).max(128).optional(),
    correlationid: z.string().min(1).max(128).optional(),
    traceparent: z.string().min(1).max(64).optional(),
    tracestate: z.string().min(1).max(512).optional(),
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

export const rejections = {
  invalid_event: 'not a CloudEvent of this schema',
  source_not_yours: 'source or providerid is not the caller',
  subject_mismatch: 'subject is not `{tenantid}/{agentid}`',
  time_out_of_range: 'older than 35 days, or more than 5 minutes ahead',
  unknown_meter: 'a quantity of no meter',
  meter_not_yours: 'a quantity that the broker measures itself',
  delegation_mismatch: 'no delegation of ours covers it',
  conflict: 'the id was used for another event; the first one counts',
} as const;

export type Rejection = keyof typeof rejections;

export const eventResultSchema = z.object({
  id: z.string().optional().openapi({ description: 'Of the event, where it could be read' }),
  status: z.enum(['accepted', 'duplicate', 'rejected']),
  reason: z
    .enum(Object.keys(rejections) as [Rejection, ...Rejection[]])
    .optional()
    .openapi({
      description: `Why it was rejected: ${Object.entries(rejections)
        .map(([reason, meaning]) => `\`${reason}\` (${meaning})`)
        .join(', ')}`,
    }),
  detail: z.string().optional(),
});

export type EventResult = z.output<typeof eventResultSchema>;

/** The event, and its `time` in epoch milliseconds; or why it is none. */
export function readEvent(
  value: JsonValue,
): { readonly event: UsageEvent; readonly at: number } | { readonly refused: EventResult } {
  if (!isJsonObject(value)) return refuse(undefined, 'an event is a JSON object');
  const strange = strangeAttribute(value);
  if (strange !== undefined) return refuse(value, strange);
  const decoded = withDecodedData(unsetNulls(value));
  if (!decoded.ok) return refuse(value, decoded.error);
  const parsed = usageEventSchema.safeParse(decoded.value);
  if (!parsed.success) {
    const [{ path, message } = { path: [], message: 'is not valid' }] = parsed.error.issues;
    return refuse(value, `${path.join('.') || 'event'}: ${message}`);
  }
  const at = parseRfc3339(parsed.data.time);
  return at === undefined ? refuse(value, 'time: must be an RFC 3339 time') : { event: parsed.data, at };
}

function refuse(event: JsonObject | undefined, detail: string): { refused: EventResult } {
  const id = event?.['id'];
  return {
    refused: {
      ...(typeof id === 'string' ? { id: id.slice(0, 128) } : {}),
      status: 'rejected',
      reason: 'invalid_event',
      detail: detail.slice(0, 300),
    },
  };
}
