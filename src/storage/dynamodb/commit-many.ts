import { randomUUID } from 'node:crypto';
import { type TransactWriteItem, TransactWriteItemsCommand } from '@aws-sdk/client-dynamodb';
import type { PreparedWrite } from '../limits.ts';
import { type CommitResult, StorageError } from '../port.ts';
import { conditionOf, demandOf } from './condition.ts';
import { cancellationReasons, failureKind } from './failure.ts';
import { itemKey, toItem } from './item.ts';
import type { TableAccess } from './table-access.ts';

/**
 * Several writes are one transaction. Its token makes every further try the same transaction: one that had succeeded unseen
 * succeeds again and changes nothing.
 */
export async function commitMany(
  access: TableAccess,
  prepared: readonly PreparedWrite[],
  version: string,
): Promise<CommitResult> {
  const now = access.clock.now();
  const command = {
    ClientRequestToken: randomUUID(),
    TransactItems: prepared.map((write) => transactItem(access.table, write, version, now)),
  };
  /** Conditions that did not hold while other writes were in conflict, so that we know only some. */
  let known: readonly number[] = [];
  try {
    return await access.retrying(async (options) => {
      try {
        await access.client.send(new TransactWriteItemsCommand(command), options);
        return { ok: true, version };
      } catch (error) {
        known = unmetIn(error);
        if (failureKind(error) === 'unmet') return { ok: false, failed: known };
        throw error;
      }
    });
  } catch (error) {
    if (known.length > 0 && error instanceof StorageError && error.code === 'unavailable')
      return { ok: false, failed: known };
    throw error;
  }
}

function unmetIn(error: unknown): readonly number[] {
  return cancellationReasons(error).flatMap((code, index) =>
    code === 'ConditionalCheckFailed' ? [index] : [],
  );
}

function transactItem(
  table: string,
  { write, json }: PreparedWrite,
  version: string,
  now: number,
): TransactWriteItem {
  const condition = conditionOf(demandOf(write), now);
  switch (write.op) {
    case 'put':
    case 'putIfAbsent':
    case 'putIfVersion':
      return {
        Put: { TableName: table, Item: toItem(write, version, json, write.expiresAt), ...condition },
      };
    case 'delete':
      return { Delete: { TableName: table, Key: itemKey(write), ...condition } };
    case 'check':
      if (condition === undefined) throw new TypeError('a check without a condition checks nothing');
      return { ConditionCheck: { TableName: table, Key: itemKey(write), ...condition } };
  }
}
