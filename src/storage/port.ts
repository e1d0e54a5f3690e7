/**
 * The one door to durable state. Engines know nothing of rooms; rooms know nothing of engines.
 *
 * A record lives at (partition, sort). Records of one partition are ordered by the UTF-8 bytes of `sort`.
 * A `commit` is all or nothing, isolated from other commits, and durable when its promise resolves.
 */
export interface Store {
  readonly capabilities: StoreCapabilities;

  /** The record, or `undefined` when absent or expired. */
  get<T>(key: Key, options?: ReadOptions): Promise<StoredRecord<T> | undefined>;

  /** As many answers as keys, in the keys' order. Not a snapshot across keys. At most {@link maxKeysPerRead}. */
  getMany<T>(keys: readonly Key[], options?: ReadOptions): Promise<readonly (StoredRecord<T> | undefined)[]>;

  /**
   * One page of a partition, in order of `sort`. A page may be short, even empty, and still have a `cursor`. Several partitions,
   * among which records are spread, are one list: no two of them may have the same `sort`.
   */
  list<T>(partition: string | readonly string[], options?: ListOptions): Promise<Page<T>>;

  /**
   * One page of all live records, in an order of the engine's own that never changes. Paged to its end, it gives every record
   * that was there throughout, and none twice; what is written meanwhile may be missing. For backup and migration.
   */
  scan<T>(options?: ScanOptions): Promise<Page<T>>;

  /**
   * Applies every write or none. `ok: false` names, by index, the writes whose condition did not hold; nothing was
   * written. Throws `StorageError` when the request breaks a limit or the engine fails: then nothing may be assumed.
   */
  commit(writes: readonly Write[]): Promise<CommitResult>;

  /** Resolves after everything that was acknowledged is safe and the engine is released. */
  close(): Promise<void>;
}

export interface Key {
  readonly partition: string;
  readonly sort: string;
}

/** `value` is plain JSON: what comes back is a copy, equal to what went in after `JSON.parse(JSON.stringify(value))`. */
export interface StoredRecord<T> extends Key {
  /** Opaque; new with every write, never reused, so a deleted and recreated record is not mistaken for the old one. */
  readonly version: string;
  readonly value: T;
  /** Epoch seconds; from that second on the record is invisible, swept or not. */
  readonly expiresAt?: number;
}

export interface ReadOptions {
  /** `strong` (default) sees every commit that was acknowledged before the read began. */
  readonly consistency?: 'strong' | 'eventual';
}

export interface ScanOptions {
  /** 1 to {@link maxPageSize}; default 100. */
  readonly limit?: number;
  /** From a page before: for `list`, of the same partition, prefix and direction. */
  readonly cursor?: string;
}

export interface ListOptions extends ScanOptions, ReadOptions {
  /** Only records whose `sort` starts with this. */
  readonly sortPrefix?: string;
  readonly reverse?: boolean;
}

export interface Page<T> {
  readonly items: readonly StoredRecord<T>[];
  readonly cursor?: string;
}

interface Put extends Key {
  readonly value: unknown;
  readonly expiresAt?: number;
}

export type Write =
  /** Fails when a live record is there. An expired one counts as absent. */
  | ({ readonly op: 'putIfAbsent' } & Put)
  /** Fails unless the live record has this version. */
  | ({ readonly op: 'putIfVersion'; readonly version: string } & Put)
  | ({ readonly op: 'put' } & Put)
  /** Without `version`: deletes whatever is there, also nothing. */
  | ({ readonly op: 'delete'; readonly version?: string } & Key)
  /** Writes nothing; `version: null` demands absence. */
  | ({ readonly op: 'check'; readonly version: string | null } & Key);

/** All records written by one commit share its version. */
export type CommitResult =
  | { readonly ok: true; readonly version: string }
  | { readonly ok: false; readonly failed: readonly number[] };

export interface StoreCapabilities {
  readonly engine: 'memory' | 'lmdb' | 'dynamodb';
  /** Whether several processes may share the data. */
  readonly shared: boolean;
}

/** The limits are the narrowest engine's, enforced by all, so that what works on one works on every one. */
export const maxWritesPerCommit = 100;
export const maxKeysPerRead = 100;
export const maxPageSize = 1000;
export const maxPartitionBytes = 512;
export const maxSortBytes = 768;
/** Of the value's JSON text, in UTF-8 bytes. */
export const maxValueBytes = 350_000;
/** Of all keys and values of one commit together. */
export const maxCommitBytes = 4_000_000;

export class StorageError extends Error {
  override readonly name = 'StorageError';
  /** `bad_cursor`: a cursor that no page of this store gave; it came from outside. */
  readonly code: 'limit_exceeded' | 'bad_cursor' | 'unavailable' | 'closed' | 'corrupt';

  constructor(code: StorageError['code'], message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}
