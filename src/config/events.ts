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
    .describe('Name or ARN of the event bus. Required with eventbridge.'),
  EVENTBRIDGE_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http(s) URL' })
    .optional()
    .describe('Address of the EventBridge API; by default the region’s own.'),
};

/** The first setting that EventBridge cannot do without. */
export function missingEventSetting(config: {
  readonly BROKER_EVENTS: 'in-process' | 'eventbridge';
  readonly EVENTBRIDGE_BUS?: string | undefined;
  readonly AWS_REGION?: string | undefined;
}): string | undefined {
  if (config.BROKER_EVENTS !== 'eventbridge') return undefined;
  return (['EVENTBRIDGE_BUS', 'AWS_REGION'] as const).find((name) => config[name] === undefined);
}
