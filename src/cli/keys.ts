import { unlink, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { showList, showOne } from './answers.ts';
import type { ConnectionOptions } from './connection.ts';
import { withExamples } from './examples.ts';
import { Failure, systemCode, systemReason } from './failure.ts';
import type { CliIo } from './io.ts';
import { list, withConnection, withJson } from './options.ts';
import { write } from './output.ts';
import type { Column } from './table.ts';

const columns: readonly Column[] = [
  { title: 'KEY', value: 'keyId' },
  { title: 'PURPOSE', value: 'purpose' },
  { title: 'STATE', value: 'state' },
  { title: 'SIGNS FROM', value: 'activeFrom' },
  { title: 'COUNTS UNTIL', value: 'countsUntil' },
];

interface RotateOptions extends ConnectionOptions {
  readonly purposes?: readonly string[];
  readonly compromised?: boolean;
  readonly reason: string;
}

const versionColumns: readonly Column[] = [
  { title: 'VERSION', value: 'version' },
  { title: 'ACTIVE FROM', value: 'activeFrom' },
];

interface CreateOptions {
  readonly private: string;
  readonly public: string;
  readonly json?: boolean;
}

export function addKeyCommands(program: Command, io: CliIo): void {
  const keys = program
    .command('keys')
    .description('Key pairs for clients, and the keys with which the broker signs.');
  withExamples(
    withJson(keys.command('create'))
      .description(
        'Makes an ES256 key pair: the private key for the client alone, the public key set for whoever registers it. Never ' +
          'overwrites a file.',
      )
      .requiredOption('--private <path>', 'file for the private key, as JWK, readable by this user alone')
      .requiredOption('--public <path>', 'file for the public key set, as JWKS')
      .action((options: CreateOptions) => createKeyPair(io, options)),
    'keys create --private acme-app.jwk --public acme-app.jwks.json',
  );
  withExamples(
    withConnection(keys.command('list'))
      .description('Lists the broker’s signing keys, retired ones too.')
      .action((options: ConnectionOptions) => showList(io, options, { path: '/v1/keys' }, columns)),
    'keys list',
  );
  withExamples(
    withConnection(keys.command('rotate'))
      .description(
        'Makes the broker’s next signing keys: published now, used in ten minutes, when everybody has fetched them.',
      )
      .option('--purposes <names>', 'access-token, agent-card; comma-separated (default: both)', list)
      .option('--compromised', 'use them at once, and let nothing count that earlier ones signed')
      .requiredOption('--reason <text>', 'why; kept in the audit log')
      .action(({ purposes, compromised, reason, ...options }: RotateOptions) =>
        showList(
          io,
          options,
          {
            method: 'POST',
            path: '/v1/keys/rotate',
            body: {
              reason,
              ...(purposes === undefined ? {} : { purposes }),
              ...(compromised === undefined ? {} : { compromised }),
            },
          },
          columns,
        ),
      ),
    'keys rotate --reason "Yearly rotation"',
    'keys rotate --compromised --purposes access-token --reason "The host was broken into"',
  );
  withExamples(
    withConnection(keys.command('pairwise'))
      .description('Lists the versions of the secret behind the subjects under which providers know users.')
      .action((options: ConnectionOptions) =>
        showList(io, options, { path: '/v1/keys/pairwise' }, versionColumns),
      ),
    'keys pairwise',
  );
  withExamples(
    withConnection(keys.command('rotate-pairwise'))
      .description(
        'Makes the next version of it. Users whom a provider has seen keep their subject there; new ones get one of the new version.',
      )
      .requiredOption('--reason <text>', 'why; kept in the audit log')
      .action(({ reason, ...options }: ConnectionOptions & { readonly reason: string }) =>
        showList(
          io,
          options,
          { method: 'POST', path: '/v1/keys/pairwise/rotate', body: { reason } },
          versionColumns,
        ),
      ),
    'keys rotate-pairwise --reason "Two-yearly rotation"',
  );
  withExamples(
    withConnection(keys.command('reencrypt'))
      .summary('Encrypts the broker’s keys with a new master key.')
      .description(
        'Encrypts with the current master key what the previous one encrypted. First start every replica with the new key in ' +
          'BROKER_MASTER_KEY and the old one in BROKER_MASTER_KEY_PREVIOUS; afterwards take that away again.',
      )
      .requiredOption('--reason <text>', 'why; kept in the audit log')
      .action(({ reason, ...options }: ConnectionOptions & { readonly reason: string }) =>
        showOne(io, options, { method: 'POST', path: '/v1/keys/reencrypt', body: { reason } }),
      ),
    'keys reencrypt --reason "A new master key"',
  );
}

async function createKeyPair(io: CliIo, options: CreateOptions): Promise<void> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const publicJwk = await exportJWK(publicKey);
  const kid = await calculateJwkThumbprint(publicJwk);
  const facts = { kid, alg: 'ES256', use: 'sig' };
  await writeNew(options.private, { ...(await exportJWK(privateKey)), ...facts }, 0o600);
  try {
    await writeNew(options.public, { keys: [{ ...publicJwk, ...facts }] }, 0o644);
  } catch (error) {
    // Half a pair is of no use, and would be in the way of the next attempt.
    await unlink(options.private);
    throw error;
  }
  await write(
    io.stdout,
    options.json === true
      ? `${JSON.stringify({ kid, private: options.private, public: options.public })}\n`
      : `key id       ${kid}\nprivate key  ${options.private}  (keep it with the client; show it to nobody)\npublic keys  ${options.public}  (register this)\n`,
  );
}

async function writeNew(path: string, content: object, mode: number): Promise<void> {
  try {
    await writeFile(path, `${JSON.stringify(content)}\n`, { flag: 'wx', mode, flush: true });
  } catch (error) {
    const reason = systemCode(error) === 'EEXIST' ? 'there is a file already' : systemReason(error);
    throw new Failure('usage', `${path} cannot be written: ${reason}.`, { cause: error });
  }
}
