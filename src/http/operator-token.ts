import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import type { Store } from '../storage/port.ts';

export interface OperatorToken {
  /** Constant time in the token's content. */
  matches(token: string): boolean;
  /** Set only when it was made just now: the one moment at which it can be shown. */
  readonly made?: string;
  /** Nobody was shown what was made just now: the next start makes another. */
  forget(): Promise<void>;
}

const key = { partition: 'operator', sort: 'token' };

/**
 * The bootstrap operator's bearer token: the configured one, else (on loopback only; config refuses it elsewhere) one
 * made at first start. The store keeps its SHA-256, never the token.
 */
export async function ensureOperatorToken(
  store: Store,
  configured: string | undefined,
): Promise<OperatorToken> {
  if (configured !== undefined)
    return { matches: matcher(digest(configured)), forget: async () => undefined };
  const made = `op_${randomBytes(32).toString('base64url')}`;
  const commit = await store.commit([
    { op: 'putIfAbsent', ...key, value: { sha256: digest(made).toString('base64url') } },
  ]);
  if (commit.ok) {
    const { version } = commit;
    const forget = async () => void (await store.commit([{ op: 'delete', ...key, version }]));
    return { matches: matcher(digest(made)), made, forget };
  }
  const record = await store.get<{ sha256: string }>(key);
  if (record === undefined) throw new Error('the operator token record vanished between two reads');
  return { matches: matcher(Buffer.from(record.value.sha256, 'base64url')), forget: async () => undefined };
}

/** Whether the first start made one; looks only. */
export async function wasOperatorTokenMade(store: Store): Promise<boolean> {
  return (await store.get(key)) !== undefined;
}

function digest(token: string): Buffer {
  return createHash('sha256').update(token).digest();
}

function matcher(expected: Buffer): (token: string) => boolean {
  return (token) => timingSafeEqual(digest(token), expected);
}
