import { createHash } from 'node:crypto';

/**
 * Partitions among which records are spread, because one partition takes only so many writes a second on DynamoDB (1,000 units)
 * and all that is written in the order of time ends in the same place. Read together with `list(all)`. Their number may grow
 * from one version to the next, and never shrink.
 */
export interface Shards {
  readonly all: readonly string[];
  /** Where the record of this name goes; always the same. */
  of(name: string): string;
}

export function shardsOf(partition: string, count: number): Shards {
  const shard = (index: number) => `${partition}#${String(index).padStart(2, '0')}`;
  return {
    all: Array.from({ length: count }, (_, index) => shard(index)),
    of: (name) => shard(createHash('sha256').update(name, 'utf8').digest().readUInt32BE() % count),
  };
}
