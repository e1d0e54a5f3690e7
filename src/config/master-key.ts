import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError } from './index.ts';

export function masterKeyPath(dataDir: string): string {
  return join(dataDir, 'master.key');
}

type KeySource = Pick<Config, 'BROKER_MASTER_KEY' | 'BROKER_DATA_DIR'>;

/**
 * The 32 bytes that encrypt private keys at rest: from BROKER_MASTER_KEY, else (on loopback only; config refuses it
 * elsewhere) from a file beside the data, made at first start and readable by its owner alone.
 */
export async function loadMasterKey(config: KeySource): Promise<Uint8Array> {
  const existing = await readMasterKey(config);
  if (existing !== undefined) return existing;
  await mkdir(config.BROKER_DATA_DIR, { recursive: true, mode: 0o700 });
  await createOnce(masterKeyPath(config.BROKER_DATA_DIR), randomBytes(32).toString('base64url'));
  // Of several starters one has made it; all go on with what is there.
  const made = await readMasterKey(config);
  if (made === undefined) throw new Error('the master key vanished between two reads');
  return made;
}

/** The same, but `undefined` where one would be made. Throws {@link ConfigError} for one that cannot be used. */
export async function readMasterKey(config: KeySource): Promise<Uint8Array | undefined> {
  if (config.BROKER_MASTER_KEY !== undefined) return decode(config.BROKER_MASTER_KEY, 'BROKER_MASTER_KEY');
  const path = masterKeyPath(config.BROKER_DATA_DIR);
  try {
    return decode((await readFile(path, 'utf8')).trim(), path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
    throw error;
  }
}

/** The master key that is being replaced, if one is. */
export function previousMasterKey(
  config: Pick<Config, 'BROKER_MASTER_KEY_PREVIOUS'>,
): Uint8Array | undefined {
  const { BROKER_MASTER_KEY_PREVIOUS: text } = config;
  return text === undefined ? undefined : decode(text, 'BROKER_MASTER_KEY_PREVIOUS');
}

/** Whole or not at all, and never over an existing one: a crash must not leave half a key, nor two starters two keys. */
export async function createOnce(path: string, content: string): Promise<void> {
  const draft = `${path}.${randomBytes(6).toString('hex')}`;
  await writeFile(draft, content, { flag: 'wx', mode: 0o600, flush: true });
  try {
    await link(draft, path);
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error;
  } finally {
    await unlink(draft);
  }
}

function decode(text: string, source: string): Uint8Array {
  const key = Buffer.from(text, 'base64url');
  if (key.length !== 32) throw new ConfigError(`${source} must hold 32 bytes in base64.`);
  return key;
}
