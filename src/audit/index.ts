export { type Audit, type AuditEntry, createAudit, auditActor } from './audit-log.ts';
