import type { Config } from '../config/index.ts';
import type { Log } from '../telemetry/log.ts';
import { createInProcessBus } from './in-process/index.ts';
import type { EventBus } from './port.ts';

/** The bus that the configuration names. */
export async function openBus(config: Config, log: Log): Promise<EventBus> {
  if (config.BROKER_EVENTS === 'in-process') return createInProcessBus({ log });
  // Only whoever uses it pays for loading the AWS SDK.
  const { createEventBridgeBus } = await import('./eventbridge/index.ts');
  return createEventBridgeBus({
    log,
    bus: config.EVENTBRIDGE_BUS ?? '',
    region: config.AWS_REGION,
    endpoint: config.EVENTBRIDGE_ENDPOINT,
  });
}
