import type { Principal } from '../kernel/principal.ts';
import type { JsonValue } from '../kernel/json.ts';
import type { Page, Write } from '../storage/port.ts';
import type { CloseOptions } from './begin-close.ts';
import { createBilledRepository } from './billed-repository.ts';
import { createBooksRepository } from './books-repository.ts';
import { closePeriod } from './close-period.ts';
import type { Contract } from './contract.ts';
import { definePlan, type NewPlan } from './define-plan.ts';
import type { BillingContext, BillingDeps } from './deps.ts';
import { type DraftInvoices, draftInvoices } from './draft-invoices.ts';
import { createDraftRepository } from './draft-repository.ts';
import { ingestUsage } from './ingest-usage.ts';
import type { Invoice, InvoiceHeader } from './invoice.ts';
import type { JournalEntry } from './journal.ts';
import { createLedger } from './ledger.ts';
import { createMeters, type Meters } from './meters.ts';
import { type Observed, type ObservedUsage, observeUsage } from './observe-usage.ts';
import type { Listed, PageRequest } from './paging.ts';
import type { PeriodKey, PeriodRecord, PeriodState } from './period.ts';
import { createPeriods } from './period-repository.ts';
import type { Plan } from './plan.ts';
import { createPriceRepository } from './price-repository.ts';
import { createQuarantineRepository, type Quarantined } from './quarantine-repository.ts';
import { type NewContract, setContract } from './set-contract.ts';
import type { Settlement, SettlementHeader } from './settlement.ts';
import { createUsageRepository } from './usage-repository.ts';
import { type UsageQuery, type UsageRow, viewUsage } from './usage-view.ts';
import type { EventResult } from './z-usage-event.ts';

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
  listContracts(provider: string, page: PageRequest): Promise<Page<Contract>>;

  /** Periods that have usage, in order. */
  listPeriods(page: PageRequest): Promise<Listed<PeriodKey>>;
  periodState(period: PeriodKey): Promise<{ state: PeriodState; record: PeriodRecord | undefined }>;
  closePeriod(period: PeriodKey, options: CloseOptions): Promise<PeriodRecord>;
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
  const usage = createUsageRepository(deps.store);
  const prices = createPriceRepository(deps.store);
  const quarantine = createQuarantineRepository(deps.store);
  const books = createBooksRepository(deps.store);
  const context: BillingContext = {
    ...deps,
    meters,
    periods,
    usage,
    prices,
    quarantine,
    books,
    ledger: createLedger({ store: deps.store, periods, usage }),
    drafts: createDraftRepository(deps.store),
    billed: createBilledRepository(deps.store),
  };

  return {
    observe: (events, alongside) => observeUsage(context, events, alongside),
    ingest: (provider, events) => ingestUsage(context, provider, events),
    quarantined: (provider, page) => quarantine.list(provider, page),
    viewUsage: (query) => viewUsage(context, query),
    meters,
    definePlan: (input, by) => definePlan(context, input, by),
    planExists: async (key) => (await prices.plan(key)) !== undefined,
    findPlan: (key) => prices.plan(key),
    listPlans: (page) => prices.plans(page),
    setContract: (provider, input, by) => setContract(context, provider, input, by),
    listContracts: (provider, page) => prices.contracts(provider, page),
    listPeriods: (page) => usage.listPeriods(page),
    periodState: (period) => periods.state(period),
    closePeriod: (period, options) => closePeriod(context, period, options),
    draftInvoices: (tenant, period) => draftInvoices(context, tenant, period),
    findInvoice: (id) => books.invoice(id),
    listInvoices: (page, filter) => books.invoices(page, filter),
    findSettlement: (id) => books.settlement(id),
    listSettlements: (page, filter) => books.settlements(page, filter),
    journal: (period, page) => books.journal(period, page),
  };
}
