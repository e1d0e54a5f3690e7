import type { Principal } from '../kernel/principal.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { Page, Write } from '../storage/port.ts';
import { createBillingRepository, type PageRequest } from './billing-repository.ts';
import { closePeriod } from './close-period.ts';
import { definePlan, type NewPlan } from './define-plan.ts';
import type { BillingDeps } from './deps.ts';
import { type DraftInvoices, draftInvoices } from './draft-invoices.ts';
import { ingestUsage } from './ingest-usage.ts';
import type { Quarantined } from './quarantined.ts';
import type { Invoice, InvoiceHeader } from './invoice.ts';
import type { JournalEntry } from './journal.ts';
import { createLedger } from './ledger.ts';
import { createMeters, type Meters } from './meters.ts';
import { type Observed, type ObservedUsage, observeUsage } from './observe-usage.ts';
import { createPeriods, type PeriodKey, type PeriodRecord, type PeriodState } from './period.ts';
import type { Plan } from './plan.ts';
import type { Contract } from './contract.ts';
import { type NewContract, setContract } from './set-contract.ts';
import type { Settlement, SettlementHeader } from './settlement.ts';
import type { EventResult } from './z-usage-event.ts';
import { type UsageQuery, type UsageRow, viewUsage } from './usage-view.ts';

export { billingErrors } from './errors.ts';
export type { ObservedUsage } from './observe-usage.ts';

/** What it cost, and who is owed what. See the use cases' files for what each throws. */
export interface Billing {
  /** What the gateway saw, together with other writes, in one durable commit. */
  observe(events: readonly ObservedUsage[], alongside?: readonly Write[]): Promise<Observed>;
  /** What a provider reports; an answer for each, in order. */
  ingest(provider: string, events: readonly JsonValue[]): Promise<readonly EventResult[]>;
  quarantined(provider: string, page: PageRequest): Promise<Page<Quarantined>>;
  viewUsage(query: UsageQuery): Promise<readonly UsageRow[]>;
  readonly meters: Meters;

  definePlan(input: NewPlan, by: Principal): Promise<Plan>;
  planExists(key: string): Promise<boolean>;
  findPlan(key: string): Promise<Plan | undefined>;
  listPlans(page: PageRequest): Promise<Page<Plan>>;
  setContract(provider: string, input: NewContract, by: Principal): Promise<Contract>;
  listContracts(provider: string): Promise<readonly Contract[]>;

  /** Periods that have usage, in order. */
  periods(): Promise<readonly PeriodKey[]>;
  periodState(period: PeriodKey): Promise<{ state: PeriodState; record: PeriodRecord | undefined }>;
  closePeriod(
    period: PeriodKey,
    options: { readonly early: boolean; readonly by: Principal },
  ): Promise<PeriodRecord>;
  draftInvoices(tenant: string, period?: PeriodKey): Promise<DraftInvoices>;
  findInvoice(id: string): Promise<Invoice | undefined>;
  /** Without their lines, oldest period first. */
  listInvoices(
    page: PageRequest,
    filter: { readonly tenant?: string; readonly period?: PeriodKey },
  ): Promise<Page<InvoiceHeader>>;
  findSettlement(id: string): Promise<Settlement | undefined>;
  listSettlements(
    page: PageRequest,
    filter: { readonly provider?: string; readonly period?: PeriodKey },
  ): Promise<Page<SettlementHeader>>;
  journal(period: PeriodKey, page: PageRequest): Promise<Page<JournalEntry>>;
}

export function createBilling(deps: BillingDeps): Billing {
  const periods = createPeriods(deps);
  const meters = createMeters(deps);
  const repository = createBillingRepository(deps.store);
  const ledger = createLedger({ store: deps.store, periods });
  const context = { ...deps, periods, meters, repository, ledger };

  return {
    observe: (events, alongside) => observeUsage(context, events, alongside),
    ingest: (provider, events) => ingestUsage(context, provider, events),
    quarantined: (provider, page) => repository.quarantined(provider, page),
    viewUsage: (query) => viewUsage(context, query),
    meters,
    definePlan: (input, by) => definePlan(context, input, by),
    planExists: async (key) => (await repository.plan(key)) !== undefined,
    findPlan: (key) => repository.plan(key),
    listPlans: (page) => repository.plans(page),
    setContract: (provider, input, by) => setContract(context, provider, input, by),
    listContracts: (provider) => repository.contracts(provider),
    periods: () => ledger.periods(),
    periodState: (period) => periods.state(period),
    closePeriod: (period, options) => closePeriod(context, period, options),
    draftInvoices: (tenant, period) => draftInvoices(context, tenant, period),
    findInvoice: (id) => repository.invoice(id),
    listInvoices: (page, filter) => repository.invoices(page, filter),
    findSettlement: (id) => repository.settlement(id),
    listSettlements: (page, filter) => repository.settlements(page, filter),
    journal: (period, page) => repository.journal(period, page),
  };
}
