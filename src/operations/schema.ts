import { z } from '@hono/zod-openapi';
import { instantSchema } from '../api/schemas.ts';

const envelopeSchema = z
  .looseObject({
    id: z.string().openapi({ example: 'evt_01976f0e5b7c7d1ea1d52a7d9c6e4b10' }),
    type: z.string().openapi({ example: 'a2a.broker.tenant.suspended.v1' }),
    subject: z.string().openapi({ example: 'tenant:acme' }),
    sequence: z.string().openapi({ example: '0000000007' }),
    time: instantSchema,
  })
  .openapi('BusinessEvent', { description: 'A CloudEvent; see docs/events' });

export const deadLetterSchema = z
  .object({
    id: z.string().openapi({ description: 'Of the event' }),
    type: z.string(),
    subject: z.string().openapi({ description: 'Later events of it wait for this one' }),
    reason: z.string().openapi({ description: 'What the bus said at last' }),
    attempts: z.int(),
    deadAt: instantSchema,
    event: envelopeSchema,
  })
  .openapi('DeadLetter');

export const decidedSchema = z.object({
  id: z.string().openapi({ description: 'Of the event' }),
  type: z.string(),
  subject: z.string(),
  state: z.enum(['waiting', 'discarded']),
});

export const discardSchema = z.strictObject({ reason: z.string().trim().min(1).max(500) });

export const outboxSchema = z
  .object({
    bus: z.enum(['in-process', 'eventbridge']),
    waiting: z.int().openapi({ description: 'Events that the bus has not taken yet, dead letters included' }),
    waitingIsCapped: z.boolean().openapi({ description: 'There are more than were counted' }),
    oldestAt: instantSchema.optional(),
    oldestAgeSeconds: z.int().optional(),
    deadLetters: z.int(),
    deadLettersIsCapped: z.boolean(),
  })
  .openapi('Outbox');
