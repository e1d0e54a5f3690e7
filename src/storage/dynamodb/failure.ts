import { StorageError } from '../port.ts';

/**
 * What a failed request means.
 * `unmet`: a condition did not hold, nothing was written.
 * `again`: nothing was done and it may work a moment later: throttled, in conflict with another transaction, never sent.
 * `uncertain`: it may have been done: no answer in time, a connection that broke, an error of the server.
 * `refused`: trying again is of no use: credentials, permissions, a table that is gone, limits.
 * `defect`: nothing that we foresaw.
 */
export type FailureKind = 'unmet' | 'again' | 'uncertain' | 'refused' | 'defect';

const again = new Set([
  'ProvisionedThroughputExceededException',
  'ThrottlingException',
  'Throttling',
  'RequestLimitExceeded',
  'TooManyRequestsException',
  'TransactionConflictException',
  'TransactionInProgressException',
  'ReplicatedWriteConflictException',
  // The clock is put right by the SDK with the first refusal.
  'RequestTimeTooSkewed',
  'RequestExpired',
  'RequestInTheFuture',
]);

const refused = new Set([
  'AccessDeniedException',
  'CredentialsProviderError',
  'TokenProviderError',
  'ExpiredTokenException',
  'UnrecognizedClientException',
  'InvalidSignatureException',
  'InvalidClientTokenId',
  'MissingAuthenticationTokenException',
  'ResourceNotFoundException',
  'ItemCollectionSizeLimitExceededException',
]);

/** Reasons in `CancellationReasons` for which the same transaction may pass a moment later. */
const passingReasons = new Set(['TransactionConflict', 'ProvisionedThroughputExceeded', 'ThrottlingError']);

/** Errors of node before anything was sent. */
const unsent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);

export function failureKind(error: unknown): FailureKind {
  if (error instanceof LookAgain) return 'again';
  if (!(error instanceof Error) || error instanceof StorageError) return 'defect';
  const { name } = error;
  if (name === 'ConditionalCheckFailedException') return 'unmet';
  if (name === 'TransactionCanceledException') return cancellationKind(error);
  if (again.has(name) || unsent.has(codeOf(error))) return 'again';
  if (refused.has(name)) return 'refused';
  if (isWithoutAnswer(error)) return 'uncertain';
  const status = statusOf(error) ?? 0;
  if (status === 429) return 'again';
  return status >= 500 ? 'uncertain' : 'defect';
}

/** Something of ours has to be looked at once more: not an error to anybody else. */
export class LookAgain extends Error {
  override readonly name = 'LookAgain';
}

/** One code a write, in order; `None` for those that were in nobody's way. */
export function cancellationReasons(error: unknown): readonly string[] {
  if (!(error instanceof Error) || !('CancellationReasons' in error)) return [];
  const reasons = error.CancellationReasons;
  return Array.isArray(reasons)
    ? reasons.map((reason: { readonly Code?: string } | null) => reason?.Code ?? 'None')
    : [];
}

function cancellationKind(error: Error): FailureKind {
  const reasons = new Set(cancellationReasons(error).filter((code) => code !== 'None'));
  if ([...reasons].some((code) => passingReasons.has(code))) return 'again';
  return reasons.has('ConditionalCheckFailed') ? 'unmet' : 'defect';
}

/** What the rest of the broker is told. The cause names what happened and never what was in an item. */
export function toStorageError(error: unknown): unknown {
  if (error instanceof StorageError) return error;
  const kind = failureKind(error);
  const about = describe(error);
  if (isAboutSize(error))
    return new StorageError('limit_exceeded', 'DynamoDB refused a write for its size', about);
  if (kind === 'refused') return new StorageError('unavailable', 'DynamoDB refused a request', about);
  if (kind === 'again' || kind === 'uncertain')
    return new StorageError('unavailable', 'DynamoDB did not take a request in time', about);
  return about;
}

function isAboutSize(error: unknown): boolean {
  return (
    error instanceof Error &&
    (error.name === 'ItemCollectionSizeLimitExceededException' ||
      (error.name === 'ValidationException' && /size/i.test(error.message)))
  );
}

/** An error of the SDK carries the request and its answer; this one carries what somebody can look for. */
function describe(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error));
  const status = statusOf(error);
  if (status === undefined) return error;
  const facts = [`HTTP ${status}`, requestIdOf(error), ...new Set(cancellationReasons(error))];
  return new Error(`${error.name} (${facts.filter(Boolean).join(', ')})`);
}

interface Metadata {
  readonly httpStatusCode?: number;
  readonly requestId?: string;
}

function metadataOf(error: Error): Metadata {
  return '$metadata' in error ? (error.$metadata as Metadata) : {};
}

function statusOf(error: Error): number | undefined {
  return metadataOf(error).httpStatusCode;
}

function requestIdOf(error: Error): string | undefined {
  const { requestId } = metadataOf(error);
  return requestId === undefined ? undefined : `request ${requestId}`;
}

function codeOf(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : '';
}

/** A time-out, an error of the socket, or an answer that cannot be read: whether the request was done nobody knows. */
function isWithoutAnswer(error: Error): boolean {
  return ['AbortError', 'TimeoutError', 'SyntaxError'].includes(error.name) || codeOf(error) !== '';
}
