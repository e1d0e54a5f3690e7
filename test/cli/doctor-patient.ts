import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { type Broker, createBroker } from '../../src/main.ts';
import { freePort, operatorToken } from '../support/broker-process.ts';
import { cli, type Outcome } from './run.ts';

export interface Report {
  readonly ok: boolean;
  readonly configuration: readonly {
    readonly name: string;
    readonly value: string;
    readonly source: string;
  }[];
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly advice?: readonly string[];
  }[];
}

/** Where a broker is, or will be; a new place for each test. */
export interface Patient {
  parent: string;
  data: string;
  port: number;
  env: Record<string, string>;
}

export const patient: Patient = { parent: '', data: '', port: 0, env: {} };
let broker: Broker | undefined;

/** For a test file to call once: makes the place before each test, and clears it up after it. */
export function useDoctor(): void {
  beforeEach(prepare);
  afterEach(clearUp);
}

async function prepare(): Promise<void> {
  const parent = await mkdtemp(join(tmpdir(), 'broker-doctor-'));
  const data = join(parent, 'data');
  const port = await freePort();
  const env = {
    BROKER_URL: `http://127.0.0.1:${port}`,
    PORT: String(port),
    BROKER_DATA_DIR: data,
    LOG_LEVEL: 'silent',
  };
  Object.assign(patient, { parent, data, port, env });
}

async function clearUp(): Promise<void> {
  await broker?.close();
  broker = undefined;
  await rm(patient.parent, { recursive: true, force: true });
}

export const doctor = (change: Record<string, string> = {}, ...args: readonly string[]): Promise<Outcome> =>
  cli(['doctor', ...args], { env: { ...patient.env, ...change } });

export async function examine(
  change: Record<string, string> = {},
): Promise<Report & { readonly code: number }> {
  const { code, out } = await doctor(change, '--json');
  return { ...(JSON.parse(out) as Report), code };
}

/** One finding, as `status: message`. */
export async function finding(name: string, change: Record<string, string> = {}): Promise<string> {
  const { checks } = await examine(change);
  const check = checks.find((candidate) => candidate.name === name);
  return `${check?.status}: ${check?.message}`;
}

export async function start(change: Record<string, string> = {}): Promise<void> {
  broker = await createBroker(
    loadConfig({ ...patient.env, BROKER_OPERATOR_TOKEN: operatorToken, ...change }),
  );
  await broker.listen();
}

/** Made and stopped: a store with keys. */
export async function startOnce(): Promise<void> {
  await (await createBroker(loadConfig(patient.env))).close();
}

/** Every file under a directory, with what is in it; of LMDB's lock only that it is there, as readers sign in there. */
export async function snapshot(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory, { recursive: true })).toSorted();
  const entries = names.map(async (name) => {
    const path = join(directory, name);
    const { mode, size } = await stat(path);
    const isContent = !name.endsWith('-lock') && (await stat(path)).isFile();
    return [name, `${mode} ${size} ${isContent ? (await readFile(path)).toString('base64') : ''}`] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}
