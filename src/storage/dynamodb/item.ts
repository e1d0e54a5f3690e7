import type { AttributeValue } from '@aws-sdk/client-dynamodb';
import { type Key, StorageError, type StoredRecord } from '../port.ts';

/**
 * How a record lies in the table: `pk` and `sk` are its partition and sort key as strings (DynamoDB orders strings by their
 * UTF-8 bytes, as the port does), `value` its JSON text, `version` its version, `expiresAt` (the table's TTL attribute) its
 * expiry in epoch seconds.
 */
export type Item = Record<string, AttributeValue>;

export const ttlAttribute = 'expiresAt';

export function itemKey({ partition, sort }: Key): Item {
  return { pk: { S: partition }, sk: { S: sort } };
}

/** The same for items and keys of the same record. */
export function itemName(item: Item): string {
  return `${textOf(item, 'pk')}\0${textOf(item, 'sk')}`;
}

export function toItem(key: Key, version: string, json: string, expiresAt: number | undefined): Item {
  return {
    ...itemKey(key),
    version: { S: version },
    value: { S: json },
    ...(expiresAt === undefined ? {} : { [ttlAttribute]: { N: String(expiresAt) } }),
  };
}

export function keyIn(item: Item): Key {
  return { partition: textOf(item, 'pk'), sort: textOf(item, 'sk') };
}

/** What of an item decides conditions, expired or not. */
export interface ItemState extends Key {
  readonly version: string;
  readonly expiresAt: number | undefined;
}

export function stateOf(item: Item): ItemState {
  const expiry = item[ttlAttribute]?.N;
  return {
    ...keyIn(item),
    version: textOf(item, 'version'),
    expiresAt: expiry === undefined ? undefined : Number(expiry),
  };
}

/** The record, or `undefined` when it has expired by `now` (epoch milliseconds). */
export function toRecord<T>(item: Item, now: number): StoredRecord<T> | undefined {
  const { expiresAt, ...state } = stateOf(item);
  if (expiresAt !== undefined && expiresAt * 1000 <= now) return undefined;
  const value = parse(textOf(item, 'value')) as T;
  return expiresAt === undefined ? { ...state, value } : { ...state, value, expiresAt };
}

function textOf(item: Item, name: string): string {
  const text = item[name]?.S;
  if (text === undefined) throw new StorageError('corrupt', `an item has no text in ${name}`);
  return text;
}

function parse(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch (error) {
    throw new StorageError('corrupt', 'a record’s value is not JSON', error);
  }
}
