import { unlink, writeFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { calculateJwkThumbprint, exportJWK, generateKeyPair } from 'jose';
import { Failure, systemCode, systemReason } from './failure.ts';
import type { CliIo } from './io.ts';
import { withExamples, withJson } from './options.ts';
import { write } from './output.ts';

interface CreateOptions {
  readonly private: string;
  readonly public: string;
  readonly json?: boolean;
}

export function addKeyCommands(program: Command, io: CliIo): void {
  const keys = program.command('keys').description('Key pairs for clients. Made here, sent nowhere.');
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
    'clients create --id acme-app --owner tenant:acme --jwks-file acme-app.jwks.json --grant-types token-exchange',
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
