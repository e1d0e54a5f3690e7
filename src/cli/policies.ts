import type { Command } from 'commander';
import { asText, isJsonObject, type JsonObject } from '../kernel/json.ts';
import { requestBody, showList, showOne } from './answers.ts';
import { apiPath } from './api-client.ts';
import { connect, type ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import {
  type BodyOptions,
  list,
  type PagingOptions,
  withBody,
  withConnection,
  withPaging,
} from './options.ts';
import { write, writeJson } from './output.ts';
import { readInput } from './read-input.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'ID', value: 'id' },
  { title: 'OWNER', value: 'owner' },
  { title: 'EFFECT', value: 'effect' },
  { title: 'ENABLED', value: 'enabled' },
  { title: 'DESCRIPTION', value: 'description' },
];

interface OfOwner {
  readonly owner?: string;
}

interface Content extends BodyOptions, OfOwner {
  readonly textFile?: string;
  readonly description?: string;
  readonly disabled?: boolean;
}

interface Check extends BodyOptions, OfOwner {
  readonly client?: string;
  readonly clientOwner?: string;
  readonly agent?: string;
  readonly tenant?: string;
  readonly scopes?: readonly string[];
  readonly draftFile?: string;
}

export function addPolicyCommands(program: Command, io: CliIo): void {
  const policies = program
    .command('policies')
    .description('Rules in Cedar’s language, on top of the built-in ones. They can only take away.');

  withExamples(
    ofOwner(withPaging(policies.command('list')))
      .description('Lists an owner’s policies.')
      .action(({ owner, ...options }: PagingOptions & OfOwner) =>
        showList(io, options, { path: '/v1/policies', query: { owner } }, columns),
      ),
    'policies list --owner tenant:acme',
  );
  withExamples(
    ofOwner(withConnection(policies.command('show').argument('<policy>', 'its id')))
      .description('Shows a policy.')
      .action((id: string, { owner, ...options }: ConnectionOptions & OfOwner) =>
        showOne(io, options, { path: apiPath('v1', 'policies', id), query: { owner } }),
      ),
    'policies show office-hours',
  );
  withExamples(
    content(policies.command('create').option('--id <id>', 'its id (made when absent)'))
      .description('Adds a policy. It is in force with the next exchange.')
      .action(async ({ id, owner, ...options }: Content & { readonly id?: string }) =>
        showOne(io, options, {
          method: 'POST',
          path: '/v1/policies',
          body: await requestBody(io, options, { id, owner, ...(await contentOf(io, options)) }),
        }),
      ),
    'policies create --id office-hours --text-file office-hours.cedar --description "Nothing at night"',
    'policies create --owner tenant:acme --id mfa --text-file mfa.cedar',
  );
  withExamples(
    content(policies.command('update').argument('<policy>', 'its id'))
      .description('Replaces a policy: what is not said is gone, or its default.')
      .action(async (id: string, { owner, ...options }: Content) =>
        showOne(io, options, {
          method: 'PUT',
          path: apiPath('v1', 'policies', id),
          query: { owner },
          body: await requestBody(io, options, await contentOf(io, options)),
        }),
      ),
    'policies update office-hours --text-file office-hours.cedar --disabled',
  );
  withExamples(
    ofOwner(withConnection(policies.command('delete').argument('<policy>', 'its id')))
      .description('Deletes a policy, and shows what it was.')
      .action((id: string, { owner, ...options }: ConnectionOptions & OfOwner) =>
        showOne(io, options, { method: 'DELETE', path: apiPath('v1', 'policies', id), query: { owner } }),
      ),
    'policies delete office-hours',
  );
  addCheck(policies, io);
  withExamples(
    withConnection(policies.command('schema'))
      .description('Prints what policies may ask about, in Cedar’s schema language.')
      .action(async (options: ConnectionOptions) => {
        const { text, body } = await (await connect(io, options)).request({ path: '/v1/policies/schema' });
        if (options.json === true || !isJsonObject(body)) return writeJson(io, text);
        await write(io.stdout, asText(body['schema']));
      }),
    'policies schema',
  );
}

function addCheck(policies: Command, io: CliIo): void {
  withExamples(
    ofOwner(withBody(policies.command('check')))
      .description(
        'Asks what would be decided, and by which policy. Nothing is issued; nothing is looked up.',
      )
      .option('--client <id>', 'the program that would ask for a token (needed)')
      .option('--client-owner <party>', 'its company: provider:id or tenant:id (needed)')
      .option('--agent <agent>', 'whom the token would be for, such as skyways/flights (needed)')
      .option('--tenant <id>', 'in whose name (needed)')
      .option('--scopes <scopes>', 'that the token would carry, comma-separated', list)
      .option('--draft-file <path>', 'a policy’s text, as if it were enabled; - for stdin')
      .action(async ({ client, clientOwner, agent, tenant, scopes, draftFile, owner, ...options }: Check) => {
        const draft = draftFile === undefined ? undefined : { text: await readInput(io, draftFile) };
        const asked = await requestBody(io, options, {
          owner,
          principal:
            client === undefined || clientOwner === undefined ? undefined : { client, owner: clientOwner },
          resource: agent === undefined ? undefined : { agent },
          context: tenant === undefined ? undefined : { tenant, ...(scopes === undefined ? {} : { scopes }) },
          draft,
        });
        await showOne(
          io,
          options,
          { method: 'POST', path: '/v1/policies/check', body: asked },
          arrangeDecision,
        );
      }),
    'policies check --client acme-app --client-owner tenant:acme --agent skyways/flights --tenant acme',
    'policies check --file exchange.json --draft-file office-hours.cedar',
  );
}

/** One line for each owner. */
function arrangeDecision({ decision = null, verdicts }: JsonObject): JsonObject {
  const lines: Record<string, string> = {};
  for (const verdict of Array.isArray(verdicts) ? (verdicts as readonly JsonObject[]) : []) {
    const { owner, why, policies } = verdict as { owner: string; why: string; policies: readonly string[] };
    lines[owner] = [why.replace('_', ' '), policies.join(', ')].filter((part) => part !== '').join(': ');
  }
  return { decision, ...lines };
}

function ofOwner(command: Command): Command {
  return command.option('--owner <owner>', 'operator, provider:id or tenant:id (default: the caller)');
}

function content(command: Command): Command {
  return ofOwner(withBody(command))
    .option('--text-file <path>', 'the policy in Cedar’s language; - for stdin (needed)')
    .option('--description <text>', 'what it is for')
    .option('--disabled', 'keep it, and do not ask it');
}

async function contentOf(io: CliIo, { textFile, description, disabled }: Content) {
  return {
    text: textFile === undefined ? undefined : await readInput(io, textFile),
    description,
    enabled: disabled === true ? false : undefined,
  };
}
