import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { resolve } from 'node:path';
import { promisify } from 'node:util';
import { builtProgramVariable } from './program.ts';

/** Once a test run: tests start many brokers, and one that was compiled before needs a third of the time to start. */
export default async function setup(): Promise<() => Promise<void>> {
  // Beside src, because the program finds package.json and the examples from where it is.
  const directory = resolve(`.test-build-${process.pid}`);
  const remove = () => rm(directory, { recursive: true, force: true });
  const compiler = resolve('node_modules/typescript/bin/tsc');
  // Types are checked elsewhere.
  const options = ['--noCheck', '--declaration', 'false', '--sourceMap', 'false'];
  try {
    await promisify(execFile)(
      process.execPath,
      [compiler, '-p', 'tsconfig.build.json', '--outDir', directory].concat(options),
    );
  } catch (error) {
    await remove();
    throw error;
  }
  process.env[builtProgramVariable] = directory;
  return remove;
}
