import type { Command } from 'commander';
import { createDpopKey } from '../kit/index.ts';
import { withExamples } from './examples.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { withJson } from './options.ts';
import { write, writeJson } from './output.ts';
import { readSecret } from './read-input.ts';
import { readPrivateKey } from './read-private-key.ts';

interface ProofOptions {
  readonly dpop: string;
  readonly url: string;
  readonly method: string;
  readonly tokenFile?: string;
  readonly nonce?: string;
  readonly json?: boolean;
}

export function addProofCommand(token: Command, io: CliIo): void {
  withExamples(
    withJson(token.command('proof'))
      .description(
        'Makes the DPoP header of one request (RFC 9449) with a token that is bound to a key: for curl, and to see how it is done.',
      )
      .requiredOption('--dpop <path>', 'file with the private key as JWK, - for stdin')
      .requiredOption('--url <url>', 'the request’s address')
      .option('--method <method>', 'its method', 'POST')
      .option('--token-file <path>', 'the token that is sent along; absent: for the token endpoint')
      .option('--nonce <nonce>', 'what the last answer’s DPoP-Nonce said')
      .action((options: ProofOptions) => printProof(io, options)),
    'token proof --dpop dpop.jwk --url https://broker.example.com/a2a/skyways/flights/jsonrpc --token-file token.txt',
  );
}

async function printProof(io: CliIo, options: ProofOptions): Promise<void> {
  const { url, method, nonce, tokenFile } = options;
  if (!URL.canParse(url) || !/^https?:/i.test(url))
    throw new Failure('usage', '--url must be an http(s) address.');
  const key = createDpopKey({ privateKey: await readPrivateKey(io, options.dpop) });
  key.learn(url, nonce);
  const accessToken = tokenFile === undefined ? undefined : await readSecret(io, tokenFile, 'a token');
  let proof: string;
  try {
    proof = await key.proof({ method, url, accessToken });
  } catch (error) {
    throw new Failure('usage', `The key in ${options.dpop} cannot be used: ${messageOf(error)}`, {
      cause: error,
    });
  }
  if (options.json === true) return writeJson(io, JSON.stringify({ proof }));
  await write(io.stdout, `${proof}\n`);
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
