import { type Config, ConfigError } from '../config/index.ts';
import { StorageError } from '../storage/port.ts';
import { MasterKeyError } from '../trust/index.ts';
import { Failure, systemCode, systemReason } from './failure.ts';

/** Why a broker did not start, as one sentence that says what to change. What we did not foresee passes as it is. */
export function startFailure(error: unknown, config: Config): unknown {
  if (error instanceof ConfigError || error instanceof MasterKeyError)
    return new Failure('configuration', error.message, { cause: error });
  if (error instanceof StorageError) return storeFailure(error, config);
  const place = `${config.HOST}:${config.PORT}`;
  switch (systemCode(error)) {
    case 'EADDRINUSE':
      return new Failure('failed', `Port ${config.PORT} on ${config.HOST} is in use by another program.`, {
        cause: error,
        hints: ['Stop that program, or set PORT (and BROKER_URL) to another.'],
      });
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return new Failure('configuration', `HOST is ${config.HOST}, which is no address of this machine.`, {
        cause: error,
        hints: ['Use 127.0.0.1 for this machine alone, or 0.0.0.0 for every address.'],
      });
    case undefined:
      return error;
    default:
      return isAboutListening(error)
        ? new Failure('configuration', `The broker may not listen on ${place}: ${systemReason(error)}.`, {
            cause: error,
          })
        : dataDirFailure(error, config.BROKER_DATA_DIR);
  }
}

export function storeFailure(error: StorageError, { BROKER_STORE }: Pick<Config, 'BROKER_STORE'>): Failure {
  if (BROKER_STORE === 'dynamodb')
    return new Failure('failed', error.message, {
      cause: error,
      hints: ['Nothing has to be changed if that passes: start again.'],
    });
  return new Failure('configuration', `The store cannot be used: ${error.message}.`, {
    cause: error,
    hints:
      error.code === 'corrupt'
        ? ['Put a backup in its place, or set BROKER_DATA_DIR to another directory.']
        : ['Set BROKER_DATA_DIR to a directory that this user may write to.'],
  });
}

export function dataDirFailure(error: unknown, directory: string): Failure {
  return new Failure(
    'configuration',
    `The data directory ${directory} cannot be used: ${systemReason(error)}.`,
    {
      cause: error,
      hints: ['Set BROKER_DATA_DIR to a directory that this user may write to.'],
    },
  );
}

function isAboutListening(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && error.syscall === 'listen';
}
