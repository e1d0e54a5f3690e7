import type { PutEventsResultEntry } from '@aws-sdk/client-eventbridge';
import type { Delivery } from '../port.ts';

/** Of an entry: the service's own trouble, or an account and bus that are not set up. The event itself is fine. */
const notTheEvent: ReadonlySet<string> = new Set([
  'InternalFailure',
  'InternalException',
  'ServiceUnavailable',
  'ThrottlingException',
  'AccessDeniedException',
  'InvalidAccountIdException',
  // All events have the same source.
  'NotAuthorizedForSourceException',
]);

/** Of a whole request: something in it, which one cannot tell while there are several. */
const badRequests: ReadonlySet<string> = new Set([
  'ValidationException',
  'SerializationException',
  'RequestEntityTooLargeException',
]);

const maxReasonLength = 500;

/**
 * A code that is not known counts against the event: should it pass with time, the attempts outlast it; should it not, it
 * becomes visible as a dead letter instead of being tried for ever.
 */
export function outcomeOfEntry(result: PutEventsResultEntry | undefined): Delivery {
  if (result === undefined) return { outcome: 'failed', reason: 'the bus did not answer for this event' };
  const { ErrorCode: code, ErrorMessage: message = '' } = result;
  if (code === undefined || code === '') return { outcome: 'taken' };
  const reason = `${code}: ${message}`.slice(0, maxReasonLength);
  return { outcome: notTheEvent.has(code) ? 'failed' : 'refused', reason };
}

/** A request that was refused as a whole: because of what is in it, or for reasons that time or an operator mends. */
export function outcomeOfError(error: unknown): Delivery {
  const name = error instanceof Error ? error.name : 'Error';
  const message = error instanceof Error ? error.message : String(error);
  const reason = `${name}: ${message}`.slice(0, maxReasonLength);
  return { outcome: badRequests.has(name) || statusOf(error) === 413 ? 'refused' : 'failed', reason };
}

function statusOf(error: unknown): number | undefined {
  const metadata: unknown = error instanceof Error && '$metadata' in error ? error.$metadata : undefined;
  return typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
    ? Number(metadata.httpStatusCode)
    : undefined;
}
