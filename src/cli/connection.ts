import { type ApiClient, createApiClient } from './api-client.ts';
import { createDpopKey } from '../kit/index.ts';
import { Failure } from './failure.ts';
import type { CliIo } from './io.ts';
import { dataDirOf, readOperatorTokenFile } from './operator-token-file.ts';
import { asSecret, readSecret } from './read-input.ts';
import { readPrivateKey } from './read-private-key.ts';

export interface ConnectionOptions {
  readonly broker?: string;
  readonly tokenFile?: string;
  readonly dpop?: string;
  readonly json?: boolean;
}

/** A broker, as nobody: for what everybody may read. Throws `usage`. */
export function connectAnonymously(io: CliIo, options: Pick<ConnectionOptions, 'broker'>): ApiClient {
  return createApiClient({ broker: brokerAddress(io, options.broker), token: undefined });
}

export const defaultBroker = 'http://localhost:8080';

/**
 * The management API of the broker that is meant: `--broker`, else BROKER_URL; as whom: `--token-file`, else
 * BROKER_OPERATOR_TOKEN, else the data directory's own file; `--dpop` for a token that is bound to a key. Throws `usage`.
 */
export async function connect(io: CliIo, options: ConnectionOptions): Promise<ApiClient> {
  const broker = brokerAddress(io, options.broker);
  if (options.dpop !== undefined && options.tokenFile === undefined)
    throw new Failure(
      'usage',
      '--dpop is the key of a token that is bound to it: --token-file names that token.',
    );
  const token = await findToken(io, broker, options);
  const dpop =
    options.dpop === undefined
      ? undefined
      : createDpopKey({ privateKey: await readPrivateKey(io, options.dpop) });
  return createApiClient({
    broker: token === undefined ? broker : confidentialAddress(broker),
    token,
    dpop,
  });
}

/** An origin. Throws `usage`. */
export function brokerAddress(io: CliIo, given: string | undefined): string {
  const text = given ?? (io.env['BROKER_URL'] || defaultBroker);
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const isOrigin = url?.pathname === '/' && url.search === '' && url.hash === '' && url.username === '';
  if (url === undefined || !/^https?:$/.test(url.protocol) || !isOrigin)
    throw new Failure(
      'usage',
      `${given === undefined ? 'BROKER_URL' : '--broker'} must be an address such as https://broker.example.com, without a path.`,
    );
  return url.origin;
}

/** The address again, when nobody on the way can take a token that is sent there; config demands it of brokers too. Throws `usage`. */
export function confidentialAddress(broker: string): string {
  if (broker.startsWith('https:') || isLoopback(broker)) return broker;
  throw new Failure('usage', `${broker} is not https: the token would travel in the clear.`);
}

function isLoopback(broker: string): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(broker).hostname);
}

async function findToken(io: CliIo, broker: string, options: ConnectionOptions): Promise<string | undefined> {
  if (options.tokenFile !== undefined) return readSecret(io, options.tokenFile, 'a bearer token');
  const fromEnvironment = io.env['BROKER_OPERATOR_TOKEN'];
  if (fromEnvironment) return asSecret(fromEnvironment, 'BROKER_OPERATOR_TOKEN', 'a bearer token');
  // The file is about the broker of this machine: another address is never sent what it holds.
  const own = brokerAddress(io, undefined);
  return broker === own || isLoopback(broker) ? readOperatorTokenFile(dataDirOf(io.env)) : undefined;
}
