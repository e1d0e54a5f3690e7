import { z } from 'zod';
import { catalogue, type EventType } from './catalogue.ts';

export const eventTypes = Object.keys(catalogue) as readonly EventType[];

/**
 * JSON Schema (2020-12) of an event as consumers get it. Members that it does not name are allowed: within a version some may
 * be added.
 */
export function jsonSchemaOf(type: EventType): object {
  const { summary, data } = catalogue[type];
  const envelope = z.object({
    specversion: z.literal('1.0'),
    id: z.string().describe('The same however often the event arrives'),
    source: z.string().describe('urn:{host of the broker}:broker'),
    type: z.literal(`a2a.broker.${type}`),
    subject: z.string().describe('What it happened to; events of one subject have an order'),
    time: z.iso.datetime(),
    datacontenttype: z.literal('application/json'),
    sequence: z
      .string()
      .regex(/^\d{10}$/)
      .describe('Of the events of the subject, from 1 without a gap'),
    data,
  });
  const { $schema, ...rest } = z.toJSONSchema(envelope, {
    io: 'input',
    override: ({ jsonSchema }) => {
      // `format` says it; the pattern that goes with it says it in 300 characters.
      if (jsonSchema.format === 'date-time') delete jsonSchema.pattern;
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum;
    },
  });
  return { $schema, $id: `urn:a2a-broker:event:${type}`, title: type, description: summary, ...rest };
}
