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
  /** How long one request may take; default 2,500. A connection has 1,000 to come about. */
  readonly requestTimeoutMs?: number;
}

const maxSockets = 256;

/** Keeps connections open, waits a bounded time, retries nothing (see retry.ts) and logs nothing: items hold what is others'. */
export function createClient(options: ClientOptions): DynamoDBClient {
  const requestTimeout = options.requestTimeoutMs ?? 2500;
  const agent = { keepAlive: true, maxSockets };
  return new DynamoDBClient({
    ...(options.region === undefined ? {} : { region: options.region }),
    ...(options.endpoint === undefined ? {} : { endpoint: options.endpoint }),
    ...(options.credentials === undefined ? {} : { credentials: options.credentials }),
    maxAttempts: 1,
    requestHandler: {
      connectionTimeout: 1000,
      requestTimeout,
      // Without it the time-out above is only a warning.
      throwOnRequestTimeout: true,
      // For an answer that begins and then stands still.
      socketTimeout: requestTimeout,
      httpAgent: agent,
      httpsAgent: agent,
    },
  });
}
