import { resolve, sep } from 'node:path';
import type { Config } from '../config/index.ts';
import { StorageError } from '../storage/port.ts';
import { TransferError } from '../storage/transfer/transfer-error.ts';
import { type ExitReason, Failure, systemCode, systemReason } from './failure.ts';
import { dataDirFailure, storeFailure } from './start-failure.ts';

const facts: Readonly<Record<TransferError['code'], { reason: ExitReason; hints: readonly string[] }>> = {
  bad_file: { reason: 'usage', hints: ['Nothing was written. Take another backup.'] },
  file_exists: { reason: 'usage', hints: ['Choose another name, or add --force to replace it.'] },
  not_empty: {
    reason: 'failed',
    hints: ['Nothing was changed. Set BROKER_DATA_DIR to a new directory, or DYNAMODB_TABLE to a new table.'],
  },
  other_copy: {
    reason: 'failed',
    hints: ['Go on with what it was begun with, or start again with a new directory or table.'],
  },
  in_use: {
    reason: 'failed',
    hints: ['Stop the broker and every other program that works on the store, and run this again.'],
  },
  mismatch: {
    reason: 'failed',
    hints: ['No broker starts on it. Start again with a new directory or table.'],
  },
  unfinished: { reason: 'failed', hints: [] },
};

/** Why records could not be taken from one place to another, as one sentence. What we did not foresee passes as it is. */
export function transferFailure(error: unknown, config: Config, file?: string): unknown {
  if (error instanceof TransferError) {
    const { reason, hints } = facts[error.code];
    const [first = '', ...rest] = error.message;
    const message = `${error.code === 'bad_file' ? first : first.toUpperCase()}${rest.join('')}.`;
    return new Failure(reason, message, { cause: error, hints });
  }
  if (error instanceof StorageError) return storeFailure(error, config);
  if (systemCode(error) === undefined || !(error instanceof Error && 'syscall' in error)) return error;
  const path = 'path' in error ? resolve(String(error.path)) : '';
  const directory = resolve(config.BROKER_DATA_DIR);
  const isOfFile = file !== undefined && path.startsWith(resolve(file));
  if (!isOfFile && (path === directory || path.startsWith(directory + sep)))
    return dataDirFailure(error, config.BROKER_DATA_DIR);
  return new Failure('usage', `${file ?? path} cannot be used: ${systemReason(error)}.`, { cause: error });
}
