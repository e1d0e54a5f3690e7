import { hash } from 'node:crypto';

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
  return {
    // Made when asked for: whoever writes one record needs one name.
    get all() {
      return Array.from({ length: count }, (_, index) => nameOf(partition, index));
    },
    // The first 32 bits of the digest, as a number.
    of: (name) => nameOf(partition, Number.parseInt(hash('sha256', name, 'hex').slice(0, 8), 16) % count),
  };
}

function nameOf(partition: string, index: number): string {
  return `${partition}#${String(index).padStart(2, '0')}`;
}
