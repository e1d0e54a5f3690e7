import type { AuditEntry } from '../../audit/index.ts';
import type { Write } from '../../storage/port.ts';
import type { TrustContext } from '../deps.ts';
import type { OAuthRefusal } from '../errors.ts';
import type { Client } from '../model.ts';
import type { TokenAnswer } from '../token-answer.ts';
import type { TokenRequest } from '../token-request.ts';

/** What a grant came to; nothing has been written yet. */
export interface Issued {
  readonly token: string;
  /** What was issued, where the grant's answer says so (RFC 8693 §2.2.1). */
  readonly issuedTokenType?: string;
  /** Absent: Bearer. */
  readonly tokenType?: TokenAnswer['token_type'];
  /** Seconds. */
  readonly expiresIn: number;
  readonly scope: string;
  /** What must be durable before the token leaves. */
  readonly writes: readonly Write[];
  readonly entry: Omit<AuditEntry, 'outcome'>;
  /** What works once, used up in the same commit; whoever comes second gets `refusal`. */
  readonly once?: {
    readonly digest: string;
    /** Epoch seconds. */
    readonly expiresAt: number;
    readonly refusal: OAuthRefusal;
  };
}

/**
 * One grant. The client is authenticated and allowed this grant. Throws `OAuthRefusal`; `note` collects what the audit
 * entry of a refusal should say, as far as it became known.
 */
export type Grant = (
  context: TrustContext,
  request: TokenRequest,
  client: Client,
  note: RefusalNote,
) => Promise<Issued>;

export type RefusalNote = {
  -readonly [K in 'tenant' | 'provider' | 'agent' | 'txn' | 'restricted' | 'own']?: AuditEntry[K];
};
