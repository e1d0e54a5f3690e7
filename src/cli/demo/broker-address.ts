import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { configSchema } from '../../config/index.ts';
import { parseJson } from '../../kernel/json.ts';
import { Failure, systemCode } from '../failure.ts';
import type { CliIo } from '../io.ts';
import { freePort, isFree } from './ports.ts';

export interface BrokerAddress {
  readonly brokerUrl: string;
  readonly brokerPort: number;
}

const rememberedSchema = z.object({ brokerUrl: z.string() });

/** Called once the broker listens: an address that could not be had is nothing to keep. */
export async function rememberAddress(directory: string, brokerUrl: string): Promise<void> {
  await mkdir(dirname(placePath(directory)), { recursive: true, mode: 0o700 });
  await writeFile(placePath(directory), `${JSON.stringify({ brokerUrl })}\n`);
}

/**
 * The broker's address of an earlier start, because its tokens and cards name it; else the one that BROKER_URL or PORT asks for;
 * else the default one, or another when that is taken. Throws `failed`, `configuration`.
 */
export async function chooseBrokerAddress(
  env: CliIo['env'],
  directory: string,
  isKept: boolean,
): Promise<BrokerAddress & { readonly notes: readonly string[] }> {
  const asked = askedAddress(env);
  const kept = await keptAddress(directory, isKept);
  const fixed = kept ?? asked ?? (isKept ? addressAt(defaultPort) : undefined);
  if (kept !== undefined && asked !== undefined && kept.brokerUrl !== asked.brokerUrl)
    throw new Failure(
      'configuration',
      `The data in ${directory} belong to ${kept.brokerUrl}, but ${asked.by} asks for ${asked.brokerUrl}.`,
      { hints: [`Unset ${asked.by}, or set BROKER_DATA_DIR to another directory.`] },
    );
  if (fixed !== undefined) {
    const { brokerUrl, brokerPort } = fixed;
    if (await isFree(brokerPort)) return { brokerUrl, brokerPort, notes: [] };
    throw isKept
      ? takenForGood(brokerPort, `the broker of the data in ${directory}`, brokerUrl)
      : taken(brokerPort);
  }
  if (await isFree(defaultPort)) return { ...addressAt(defaultPort), notes: [] };
  const address = addressAt(await freePort());
  return { ...address, notes: [`Port ${defaultPort} is in use, so the broker is at ${address.brokerUrl}.`] };
}

const defaultPort = configSchema.shape.PORT.parse(undefined);

export function addressAt(brokerPort: number): BrokerAddress {
  return { brokerUrl: `http://localhost:${brokerPort}`, brokerPort };
}

function askedAddress(env: CliIo['env']) {
  const { BROKER_URL: url, PORT: port } = env;
  if (url) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed?.protocol !== 'http:' || parsed.origin !== url || !loopback.includes(parsed.hostname))
      throw new Failure('configuration', `The demo runs on this machine alone, but BROKER_URL is ${url}.`, {
        hints: ['Unset BROKER_URL, or set it to an address such as http://localhost:8080.'],
      });
    return { by: 'BROKER_URL', brokerUrl: url, brokerPort: portOf(parsed) };
  }
  if (!port) return undefined;
  const parsed = configSchema.shape.PORT.safeParse(port);
  if (!parsed.success) throw new Failure('configuration', `PORT is ${port}, which is no port number.`);
  return parsed.data === 0 ? undefined : { by: 'PORT', ...addressAt(parsed.data) };
}

const loopback = ['localhost', '127.0.0.1', '[::1]'];

function portOf(url: URL): number {
  return Number(url.port || 80);
}

async function keptAddress(directory: string, isKept: boolean) {
  if (!isKept) return undefined;
  const text = await readIfThere(placePath(directory));
  if (text === undefined) return undefined;
  const parsed = rememberedSchema.safeParse(parseJson(text));
  if (!parsed.success || !URL.canParse(parsed.data.brokerUrl))
    throw new Failure('configuration', `${placePath(directory)} does not hold the address of a broker.`);
  const { brokerUrl } = parsed.data;
  return { brokerUrl, brokerPort: portOf(new URL(brokerUrl)) };
}

export function takenForGood(port: number, who: string, url: string): Failure {
  return new Failure('failed', `Port ${port} is in use by another program, and ${who} is ${url} for good.`, {
    hints: [
      'Stop that program (perhaps another demo, or a broker, still runs), or start afresh:',
      'BROKER_DATA_DIR=./another-directory npm run demo',
    ],
  });
}

function taken(port: number): Failure {
  return new Failure('failed', `Port ${port} is in use by another program.`, {
    hints: ['Stop that program, or set PORT (or BROKER_URL) to another.'],
  });
}

function placePath(directory: string): string {
  return join(directory, 'demo', 'place.json');
}

export async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return undefined;
    throw error;
  }
}
