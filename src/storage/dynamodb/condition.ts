import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import type { Write } from '../port.ts';
import type { ItemState } from './item.ts';

/** As the requests of DynamoDB want it. */
export interface Condition {
  readonly ConditionExpression: string;
  readonly ExpressionAttributeValues?: Record<string, AttributeValue>;
}

/** `version`: the live record must have it. `null`: there must be no live record. */
type Demand = { readonly version: string | null } | undefined;

export function demandOf(write: Write): Demand {
  switch (write.op) {
    case 'put':
      return undefined;
    case 'putIfAbsent':
      return { version: null };
    case 'putIfVersion':
    case 'check':
      return { version: write.version };
    case 'delete':
      return write.version === undefined ? undefined : { version: write.version };
  }
}

/** An expired record that was not swept yet counts as absent. `now` in epoch milliseconds. */
export function conditionOf(demand: Demand, now: number): Condition | undefined {
  if (demand === undefined) return undefined;
  const seconds = { ':now': { N: String(Math.floor(now / 1000)) } };
  return demand.version === null
    ? {
        ConditionExpression: 'attribute_not_exists(pk) OR expiresAt <= :now',
        ExpressionAttributeValues: seconds,
      }
    : {
        ConditionExpression: 'version = :version AND (attribute_not_exists(expiresAt) OR expiresAt > :now)',
        ExpressionAttributeValues: { ':version': { S: demand.version }, ...seconds },
      };
}

/** The item is, expired or not, what was just seen: for a write without a condition of its own that is tried again. */
export function unchanged(seen: ItemState | undefined): Condition {
  return seen === undefined
    ? { ConditionExpression: 'attribute_not_exists(pk)' }
    : {
        ConditionExpression: 'version = :version',
        ExpressionAttributeValues: { ':version': { S: seen.version } },
      };
}

/** The same, on an item that was read. */
export function holds(demand: Demand, state: ItemState | undefined, now: number): boolean {
  if (demand === undefined) return true;
  const isLive = state !== undefined && (state.expiresAt === undefined || state.expiresAt * 1000 > now);
  return demand.version === (isLive ? state.version : null);
}
