import { access, constants, mkdir } from 'node:fs/promises';
import { dataDirFailure } from './start-failure.ts';

/** Makes the directory when it is missing, readable by its owner alone. Throws `configuration` when it cannot be used. */
export async function ensureDataDirectory(directory: string): Promise<void> {
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 });
    await access(directory, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    throw dataDirFailure(error, directory);
  }
}
