import type { Command } from 'commander';
import { requestBody, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type BodyOptions, list, withBody, withConnection } from './options.ts';
import type { Column } from './table.ts';

export const subscriptionColumns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'AGENT', value: 'agent' },
  { title: 'PLAN', value: 'plan' },
  { title: 'SCOPES', value: 'scopes' },
  { title: 'STATUS', value: 'status' },
  { title: 'EXPIRES', value: 'expiresAt' },
];

interface NewSubscription extends BodyOptions {
  readonly agent?: string;
  readonly plan?: string;
  readonly scopes?: readonly string[];
  readonly audTenant?: string;
  readonly approver?: string;
  readonly expiresAt?: string;
}

export function addSubscriptionCommands(program: Command, io: CliIo): void {
  const subscriptions = program
    .command('subscriptions')
    .description('Which tenant may use which agent; `tenants subscriptions` lists them.');

  withExamples(
    withBody(subscriptions.command('add').argument('<tenant>', 'who subscribes'))
      .description('Subscribes a tenant to an agent. Every agent in a chain of calls needs one.')
      .option('--agent <agent>', 'provider/agent (needed)')
      .option('--plan <key>', 'the plan by which it is billed; set by the operator')
      .option(
        '--scopes <scopes>',
        'the most that its users may do, comma-separated (default: all of the agent’s)',
        list,
      )
      .option('--aud-tenant <id>', 'the provider’s own id for the tenant')
      .option('--approver <name>', 'who decided it')
      .option('--expires-at <time>', 'RFC 3339 time in UTC')
      .action(
        async (
          tenant: string,
          { agent, plan, scopes, audTenant, approver, expiresAt, ...options }: NewSubscription,
        ) =>
          showOne(io, options, {
            method: 'POST',
            path: apiPath('v1', 'tenants', tenant, 'subscriptions'),
            body: await requestBody(io, options, { agent, plan, scopes, audTenant, approver, expiresAt }),
          }),
      ),
    'subscriptions add acme --agent skyways/flights --plan flights-2026 --scopes a2a:invoke,a2a:read',
  );
  withExamples(
    withConnection(
      subscriptions
        .command('cancel')
        .argument('<tenant>', 'whose it is')
        .argument('<subscription>', 'its id, from `tenants subscriptions`'),
    )
      .description('Cancels a subscription, at once.')
      .action((tenant: string, subscription: string, options: ConnectionOptions) =>
        showOne(io, options, {
          method: 'DELETE',
          path: apiPath('v1', 'tenants', tenant, 'subscriptions', subscription),
        }),
      ),
    'subscriptions cancel acme sub_01JQ…',
  );
}
