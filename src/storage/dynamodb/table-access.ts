import type { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import type { Clock } from '../../kernel/clock.ts';
import type { Retrying } from './retry.ts';

/** What every operation on the table needs. */
export interface TableAccess {
  readonly client: DynamoDBClient;
  readonly table: string;
  readonly clock: Clock;
  readonly retrying: Retrying;
}
