import { randomBytes } from 'node:crypto';
import { link, mkdir, readFile, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type Config, ConfigError } from './index.ts';

export function masterKeyPath(dataDir: string): string {
  return join(dataDir, 'master.key');
}

/**
 * The 32 bytes that encrypt private keys at rest: from BROKER_MASTER_KEY, else (on loopback only; config refuses it
 * elsewhere) from a file beside the data, made at first start and readable by its owner alone.
 */
export async function loadMasterKey(
  config: Pick<Config, 'BROKER_MASTER_KEY' | 'BROKER_DATA_DIR'>,
): Promise<Uint8Array> {
  if (config.BROKER_MASTER_KEY !== undefined) return decode(config.BROKER_MASTER_KEY, 'BROKER_MASTER_KEY');
  const path = masterKeyPath(config.BROKER_DATA_DIR);
  await mkdir(config.BROKER_DATA_DIR, { recursive: true, mode: 0o700 });
  await createOnce(path, randomBytes(32).toString('base64url'));
  return decode((await readFile(path, 'utf8')).trim(), path);
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
