import type { Command } from 'commander';
import type { JsonObject } from '../kernel/json.ts';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { type BodyOptions, type PagingOptions, withBody, withPaging } from './options.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ISSUER', value: 'issuer' },
  { title: 'SUBJECT', value: 'subject' },
  { title: 'BLOCKED', value: 'blockedAt' },
  { title: 'REASON', value: 'reason' },
];

interface UserDecision extends BodyOptions {
  readonly issuer?: string;
  readonly subject?: string;
  readonly provider?: string;
  readonly sub?: string;
  readonly reason?: string;
}

export function addUserCommands(program: Command, io: CliIo): void {
  const users = program
    .command('users')
    .description('A tenant’s users who are blocked: nothing is done in their name.');

  withExamples(
    withPaging(users.command('blocked').argument('<tenant>', 'its id'))
      .description('Lists a tenant’s blocked users.')
      .action((tenant: string, options: PagingOptions) =>
        showList(io, options, { path: apiPath('v1', 'tenants', tenant, 'users', 'blocked') }, columns),
      ),
    'users blocked acme',
  );
  for (const { step, description, example, arrange } of [
    {
      step: 'block',
      description: 'Stops everything that is done in a user’s name, at once.',
      example: 'left the company',
      arrange: (user: JsonObject) => user,
    },
    {
      step: 'unblock',
      description: 'Lets a blocked user work again.',
      example: 'came back',
      arrange: noLongerBlocked,
    },
  ] as const)
    withExamples(
      withBody(users.command(step).argument('<tenant>', 'its id'))
        .description(description)
        .option('--issuer <url>', 'the tenant’s issuer that knows the user; with --subject')
        .option('--subject <sub>', 'the user there')
        .option('--provider <id>', 'instead: the provider that knows the user; with --sub')
        .option('--sub <sub>', 'the pairwise subject that it knows, v1.…')
        .option('--reason <text>', 'why; for the audit log (needed)')
        .action(
          async (tenant: string, { issuer, subject, provider, sub, reason, ...options }: UserDecision) =>
            showOne(
              io,
              options,
              {
                method: 'POST',
                path: apiPath('v1', 'tenants', tenant, 'users', step),
                body: await requestBody(io, options, { issuer, subject, provider, sub, reason }),
              },
              arrange,
            ),
        ),
      `users ${step} acme --issuer https://login.acme.example --subject user-1 --reason "${example}"`,
    );
}

/** The answer is the block that has ended. */
function noLongerBlocked({ reason, blockedAt, ...user }: JsonObject): JsonObject {
  return {
    ...user,
    state: 'not blocked any more',
    wasBlockedSince: blockedAt ?? null,
    because: reason ?? null,
  };
}
