import { createRequire } from 'node:module';
import { Command } from 'commander';
import { addAgentCommands } from './agents.ts';
import { addAgreementCommands } from './agreements.ts';
import { addAuditCommands } from './audit.ts';
import { addBackupCommand } from './backup.ts';
import { addBillingCommands } from './billing.ts';
import { addClientCommands } from './clients.ts';
import { addDelegationCommands } from './delegations.ts';
import { addDemoCommand } from './demo.ts';
import { addDoctorCommand } from './doctor.ts';
import { addEventCommands } from './events.ts';
import { exitCodes } from './failure.ts';
import { addHelpCommand, configureHelp, optionGroups } from './help.ts';
import { addInitCommand } from './init.ts';
import type { CliIo } from './io.ts';
import { addIssuerCommands } from './issuers.ts';
import { addLinkCommands } from './links.ts';
import { addKeyCommands } from './keys.ts';
import { addMeterCommands } from './meters.ts';
import { addOpenApiCommand } from './openapi.ts';
import { addMigrateCommand } from './migrate.ts';
import { addPolicyCommands } from './policies.ts';
import { addPriceCommands } from './prices.ts';
import { addProviderCommands } from './providers.ts';
import { reportFailure } from './report-failure.ts';
import { addRestoreCommand } from './restore.ts';
import { addServeCommand } from './serve.ts';
import { addSubscriptionCommands } from './subscriptions.ts';
import { addTenantCommands } from './tenants.ts';
import { addTokenCommands } from './token.ts';
import { addUserCommands } from './users.ts';
import { addUsageCommands } from './usage.ts';

const { version } = createRequire(import.meta.url)('../../package.json') as { readonly version: string };

/** Runs one command line. Answers the exit code; see {@link exitCodes}. */
export async function runCli(argv: readonly string[], io: CliIo): Promise<number> {
  const help: string[] = [];
  try {
    await createProgram(io, (text) => help.push(text)).parseAsync(idsLast(argv));
    return exitCodes.ok.code;
  } catch (error) {
    return reportFailure(io, error, { asJson: argv.includes('--json'), help: help.join('') });
  }
}

/** Digests are ids too (delegations, links), and one in 64 begins with a dash: behind `--` it is not taken for an option. */
function idsLast(argv: readonly string[]): string[] {
  const isId = (word: string) => /^-[A-Za-z0-9_-]{42}$/.test(word);
  return argv.includes('--') || !argv.some(isId)
    ? [...argv]
    : [...argv.filter((word) => !isId(word)), '--', ...argv.filter(isId)];
}

/** Every command, in the order of the help. */
export function createProgram(io: CliIo, onErrorHelp: (text: string) => void = () => undefined): Command {
  const program = new Command('a2a-broker')
    .description(
      'The neutral broker between companies whose AI agents call each other over A2A: registry, federated trust, relay ' +
        'and central billing.',
    )
    .usage('<command> [options]')
    .optionsGroup(optionGroups.general)
    .version(version, '-V, --version', 'print the version')
    .showSuggestionAfterError()
    .exitOverride();
  configureHelp(program, io, onErrorHelp);
  program.commandsGroup('Running a broker:');
  addServeCommand(program, io);
  addInitCommand(program, io);
  addDoctorCommand(program, io);
  addDemoCommand(program, io);
  addBackupCommand(program, io, version);
  addRestoreCommand(program, io);
  addMigrateCommand(program, io);
  program.commandsGroup('Companies, agents and trust:');
  addProviderCommands(program, io);
  addIssuerCommands(program, io);
  addLinkCommands(program, io);
  addAgentCommands(program, io);
  addTenantCommands(program, io);
  addSubscriptionCommands(program, io);
  addUserCommands(program, io);
  addClientCommands(program, io);
  addAgreementCommands(program, io);
  addDelegationCommands(program, io);
  addPolicyCommands(program, io);
  addKeyCommands(program, io);
  addTokenCommands(program, io);
  program.commandsGroup('Usage and money:');
  addUsageCommands(program, io);
  addMeterCommands(program, io);
  addPriceCommands(program, io);
  addBillingCommands(program, io);
  program.commandsGroup('Looking in:');
  addAuditCommands(program, io);
  addEventCommands(program, io);
  addOpenApiCommand(program, io);
  addHelpCommand(program);
  return program.addHelpText(
    'after',
    [
      '',
      'Start with `a2a-broker init`, `a2a-broker doctor` and `a2a-broker serve`.',
      '',
      'Exit codes:',
      ...Object.values(exitCodes).map(({ code, meaning }) => `  ${String(code).padEnd(3)} ${meaning}`),
    ].join('\n'),
  );
}
