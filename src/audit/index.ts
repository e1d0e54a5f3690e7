export {
  type Audit,
  type AuditEntry,
  type AuditRecord,
  type AuditQuery,
  createAudit,
  auditActor,
} from './audit-log.ts';
