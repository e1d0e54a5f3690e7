import type { Command } from 'commander';
import { showList } from './answers.ts';
import { apiPath } from './api-client.ts';
import { auditColumns } from './audit.ts';
import { invoiceColumns } from './billing.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type PagingOptions, withConnection, withPaging } from './options.ts';
import { subscriptionColumns } from './subscriptions.ts';
import type { Column } from './table.ts';
import { usageColumns, type UsageOptions, usageQuery, withUsageFilter } from './usage.ts';

/** What a tenant's own clients may read too: each is one list under the tenant. */
const views: readonly {
  readonly name: string;
  readonly description: string;
  readonly columns: readonly Column[];
}[] = [
  {
    name: 'subscriptions',
    description: 'Lists the agents that a tenant is, or was, subscribed to.',
    columns: subscriptionColumns,
  },
  { name: 'invoices', description: 'Lists a tenant’s invoices.', columns: invoiceColumns },
  {
    name: 'audit',
    description: 'Lists what was decided about a tenant, newest first.',
    columns: auditColumns,
  },
];

export function addTenantViews(tenants: Command, io: CliIo): void {
  for (const { name, description, columns } of views)
    withExamples(
      withPaging(tenants.command(name).argument('<tenant>', 'its id'))
        .description(description)
        .action((id: string, options: PagingOptions) =>
          showList(io, options, { path: apiPath('v1', 'tenants', id, name) }, columns),
        ),
      `tenants ${name} acme`,
    );
  withExamples(
    withUsageFilter(withConnection(tenants.command('usage').argument('<tenant>', 'its id')))
      .description('Adds up a tenant’s usage; of this month when nothing else is asked for.')
      .action((id: string, options: UsageOptions) =>
        showList(
          io,
          options,
          { path: apiPath('v1', 'tenants', id, 'usage'), query: usageQuery(options) },
          usageColumns,
        ),
      ),
    'tenants usage acme --window day --group-by agent,meter',
  );
}
