import { canonicalJson } from '../kernel/canonical-json.ts';
import { sha256 } from '../kernel/digest.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { Party } from '../kernel/principal.ts';

/** One decision or change. Never holds a token, a key or an assertion: ids and digests of them at most. */
export interface AuditEntry {
  /** What was attempted: `noun.verb`, such as `token.exchange`, `agreement.revoke`. */
  readonly action: string;
  readonly outcome: 'allowed' | 'refused';
  /** The rule or error code that decided. */
  readonly reason?: string;
  /** Who: a client id, or `operator`. */
  readonly actor?: string;
  readonly client?: string;
  readonly tenant?: string;
  readonly provider?: string;
  /** `provider/agent`. */
  readonly agent?: string;
  readonly txn?: string;
  /** The inputs that mattered, small and flat. */
  readonly detail?: Readonly<Record<string, JsonValue>>;
  /** Inputs that tell of other parties, such as that an id is somebody else's: the operator alone reads them. */
  readonly restricted?: Readonly<Record<string, JsonValue>>;
  /** Inputs that are one party's own, such as which of its policies decided: others who read the entry do not see them. */
  readonly own?: Readonly<Partial<Record<Party, Readonly<Record<string, JsonValue>>>>>;
}

/** An entry as it is stored. */
export interface AuditRecord extends AuditEntry {
  readonly id: string;
  /** Epoch milliseconds. */
  readonly at: number;
  readonly chain?: ChainLink;
}

/** What ties an entry to the one before it, so that none can be changed or removed without that being seen. */
export interface ChainLink {
  /** What one run of one process wrote, in its order. */
  readonly log: string;
  /** From 1. */
  readonly seq: number;
  /** {@link entryHash} of the entry before; '' for the first. */
  readonly prev: string;
  /** Up to here every entry of the log is on record, or told by a `skipped` that is: a hole below is a removal. */
  readonly settled: number;
  /** Entries whose commit failed: what they report did not happen, or may not have happened. */
  readonly skipped?: readonly Skipped[];
  /** On the first of a log: the last that was known of the others, so that a whole log cannot vanish either. */
  readonly after?: readonly Place[];
}

export interface Skipped {
  readonly seq: number;
  readonly hash: string;
}

export interface Place extends Skipped {
  readonly log: string;
}

/** SHA-256 over the canonical JSON (RFC 8785) of the entry as it is stored, its link included; base64url. */
export function entryHash(entry: AuditRecord): string {
  return sha256(canonicalJson(entry));
}
