import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import type { Config } from '../../config/index.ts';
import { masterKeyPath } from '../../config/master-key.ts';
import { dataFilePath } from '../../storage/lmdb/data-file.ts';
import { systemCode } from '../failure.ts';
import { operatorTokenPath } from '../operator-token-file.ts';
import { dataDirFailure } from '../start-failure.ts';
import { type Check, fail, failOf, ok, warn } from './check.ts';
import { judgeDisk } from './disk.ts';

/** Where the data are, or will be: usable, private, and on a disk that LMDB can live on. */
export async function examineDataDirectory(config: Config): Promise<readonly Check[]> {
  const directory = resolve(config.BROKER_DATA_DIR);
  const existing = await nearestExisting(directory);
  const isThere = existing === directory;
  try {
    if (!(await stat(existing)).isDirectory())
      return [fail('data directory', `${existing} is a file`, other)];
    await access(existing, constants.R_OK | constants.W_OK | constants.X_OK);
  } catch (error) {
    return [failOf('data directory', dataDirFailure(error, directory))];
  }
  return [
    ok(
      'data directory',
      isThere ? `${directory} is writable` : `${directory} can be made at the first start`,
    ),
    ...(isThere ? [await checkPermissions(directory)] : []),
    judgeDisk(await statfs(existing), process.platform),
  ];
}

const other = 'Set BROKER_DATA_DIR to a directory that this user may write to.';

async function nearestExisting(path: string): Promise<string> {
  try {
    await stat(path);
    return path;
  } catch (error) {
    const parent = dirname(path);
    return systemCode(error) === 'ENOENT' && parent !== path ? nearestExisting(parent) : path;
  }
}

async function checkPermissions(directory: string): Promise<Check> {
  const name = 'permissions';
  const files = [masterKeyPath(directory), operatorTokenPath(directory), dataFilePath(directory)];
  const { uid } = await stat(directory);
  const own = process.getuid?.();
  if (own !== undefined && own !== uid)
    return warn(
      name,
      `${directory} belongs to user ${uid}, and this is user ${own}`,
      'Run doctor as the user that runs the broker: what is checked here may be different for it.',
    );
  // Whoever may not enter the directory cannot reach what is in it.
  if (!(await isOpenToOthers(directory))) return ok(name, 'nobody else can read what is there');
  const open = [directory];
  for (const path of files) if (await isOpenToOthers(path)) open.push(path);
  return warn(
    name,
    `others on this machine can read ${open.join(', ')}`,
    `chmod go-rwx ${open.map((path) => quoted(path)).join(' ')}`,
  );
}

async function isOpenToOthers(path: string): Promise<boolean> {
  try {
    return ((await stat(path)).mode & 0o077) !== 0;
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return false;
    throw error;
  }
}

function quoted(path: string): string {
  return /^[\w./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}
