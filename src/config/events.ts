import { z } from 'zod';

export const eventSettings = {
  BROKER_EVENTS: z
    .enum(['in-process', 'eventbridge'])
    .default('in-process')
    .describe('Where business events go: to this process alone, or to an Amazon EventBridge bus.'),
  EVENTBRIDGE_BUS: z
    .string()
    .regex(/^[A-Za-z0-9./_:-]{1,1600}$/, 'must be the name or the ARN of an event bus')
    .optional()
    .meta({
      description: 'Name or ARN of the event bus (docs/guides/eventbridge.md).',
      requiredWhen: 'BROKER_EVENTS is eventbridge',
    }),
  EVENTBRIDGE_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http(s) URL such as http://127.0.0.1:4010' })
    .optional()
    .describe('Another EventBridge than the AWS region’s, such as a local one.'),
};
