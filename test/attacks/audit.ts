import { call, type Operator } from '../support/market.ts';

export interface AuditEntry {
  readonly id: string;
  readonly action: string;
  readonly outcome: 'allowed' | 'refused';
  readonly reason?: string;
  readonly actor?: string;
  readonly client?: string;
  readonly tenant?: string;
  readonly provider?: string;
  readonly agent?: string;
  readonly detail?: Readonly<Record<string, unknown>>;
}

/** Newest first, as the operator, or whoever holds `operator.token`, sees it. */
export async function auditOf(operator: Operator, query = ''): Promise<readonly AuditEntry[]> {
  const { items } = await call<{ items: AuditEntry[] }>(operator, 'GET', `/v1/audit?limit=200&${query}`);
  return items;
}

export async function latestAudit(operator: Operator): Promise<AuditEntry> {
  const [entry] = await auditOf(operator);
  if (entry === undefined) throw new Error('the audit log is empty');
  return entry;
}
