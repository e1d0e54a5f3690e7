import { DynamoDBClient, type DynamoDBClientConfig } from '@aws-sdk/client-dynamodb';

// Tells of versions of the SDK that need a newer Node; ours is pinned to one that does not.
process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';

export interface ClientOptions {
  /** Default: as the AWS SDK finds it (AWS_REGION, the profile). */
  readonly region?: string | undefined;
  /** Default: AWS's own of that region. */
  readonly endpoint?: string | undefined;
  /** Default: the AWS SDK's standard chain (environment, profile, web identity, container, instance). */
  readonly credentials?: DynamoDBClientConfig['credentials'];
}

/** At 5 ms a request that is more than one process can sign. */
export const maxSockets = 64;

/** Keeps connections open, waits a bounded time, retries nothing (see retry.ts) and logs nothing: items hold what is others'. */
export function createClient(options: ClientOptions): DynamoDBClient {
  const agent = { keepAlive: true, maxSockets };
  return new DynamoDBClient({
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 1000,
      // For calls about the table; those about items have a bound of their own, which covers the whole answer.
      requestTimeout: 10_000,
      // Without it the time-out above is only a warning.
      throwOnRequestTimeout: true,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
}
