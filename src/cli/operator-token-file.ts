import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { configSchema } from '../config/index.ts';
import { Failure, systemCode, systemReason } from './failure.ts';
import type { CliIo } from './io.ts';

/** Where `init` puts the operator's token, beside the data and readable by its owner alone. */
export function operatorTokenPath(dataDir: string): string {
  return join(dataDir, 'operator.token');
}

export function dataDirOf(env: CliIo['env']): string {
  return configSchema.shape.BROKER_DATA_DIR.parse(env['BROKER_DATA_DIR'] || undefined);
}

/** The token, or `undefined` when there is no file. Throws `configuration` when there is one that cannot be used. */
export async function readOperatorTokenFile(dataDir: string): Promise<string | undefined> {
  const path = operatorTokenPath(dataDir);
  try {
    const token = (await readFile(path, 'utf8')).trim();
    if (/^[\x21-\x7e]{24,16384}$/.test(token)) return token;
  } catch (error) {
    const code = systemCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw new Failure('configuration', `${path} cannot be read: ${systemReason(error)}.`, { cause: error });
  }
  throw new Failure('configuration', `${path} does not hold a token of at least 24 visible characters.`);
}
