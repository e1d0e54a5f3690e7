import { StorageError } from '../port.ts';
import { ConfigError } from '../../config/index.ts';
import { failureKind } from './failure.ts';

export interface Place {
  readonly table: string;
  readonly endpoint?: string | undefined;
}

/** Why DynamoDB cannot be used from here, as one sentence that says what to change. What we did not foresee passes as it is. */
export function startProblem(error: unknown, { table, endpoint }: Place): unknown {
  if (!(error instanceof Error)) return error;
  const say = (sentence: string) => new ConfigError(sentence);
  switch (error.name) {
    case 'CredentialsProviderError':
    case 'TokenProviderError':
      return say(
        'No AWS credentials were found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE, or give this machine ' +
          'a role.',
      );
    case 'UnrecognizedClientException':
    case 'InvalidSignatureException':
    case 'InvalidClientTokenId':
    case 'MissingAuthenticationTokenException':
      return say('AWS does not know the credentials that were given: check the access key and its secret.');
    case 'ExpiredTokenException':
      return say('The AWS credentials have expired: log in again.');
    case 'AccessDeniedException':
      return say(
        `The AWS credentials may not use the table ${table}: docs/dynamodb.md has the policy that they need.`,
      );
    case 'ValidationException':
    case 'LimitExceededException':
      return say(`DynamoDB refused: ${error.message}`);
  }
  if (/^Region (?:is missing|not accepted)/.test(error.message))
    return say('AWS_REGION must be set (or a region in the AWS profile) when BROKER_STORE is dynamodb.');
  const kind = failureKind(error);
  if (kind !== 'again' && kind !== 'uncertain') return error;
  const where = endpoint ?? 'the AWS region’s endpoint';
  return new StorageError('unavailable', `DynamoDB does not answer at ${where}.`, error);
}

export function noSuchTable(table: string): ConfigError {
  return new ConfigError(`There is no DynamoDB table ${table} here: make it with a2a-broker init.`);
}
