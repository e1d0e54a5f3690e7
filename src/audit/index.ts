export { type Audit, auditActor, createAudit } from './audit-log.ts';
export { type BoundedRefusals, createBoundedRefusals } from './bounded-refusals.ts';
export { chainEntries } from './chain-entries.ts';
export type { AuditEntry, AuditRecord, Place } from './entry.ts';
export { type ChainReport, createChainVerifier } from './verify-chain.ts';
