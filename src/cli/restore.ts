import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Config } from '../config/index.ts';
import { systemClock } from '../kernel/clock.ts';
import { openEngine } from '../storage/open-store.ts';
import { restoreBackup } from '../storage/transfer/restore-backup.ts';
import { ensureDataDirectory } from './data-directory.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { judgeMasterKey, type KeyJudgement } from './judge-master-key.ts';
import { withJson } from './options.ts';
import { colorsFor, write } from './output.ts';
import { storeConfig } from './store-config.ts';
import { transferFailure } from './transfer-failure.ts';
import { showProgress } from './transfer-progress.ts';

export function addRestoreCommand(program: Command, io: CliIo): void {
  withExamples(
    withJson(program.command('restore'))
      .summary('Fills an empty store with a backup.')
      .description(
        'Fills an empty store with what `backup` wrote, on either engine. The whole file is checked before anything is written; ' +
          'afterwards the store is read and compared with it. When it was interrupted, run it again: it goes on where it was. Until ' +
          'it is done, no broker starts on the store. The master key is not in a backup: put it back yourself.',
      )
      .argument('<file>', 'what backup wrote')
      .action((file: string, options: { readonly json?: boolean }) =>
        runRestore(io, file, options.json === true),
      ),
    'restore broker-2026-01-15.jsonl.gz',
    'restore broker-2026-01-15.jsonl.gz --json | jq .verified',
  );
}

async function runRestore(io: CliIo, file: string, asJson: boolean): Promise<void> {
  const config = storeConfig(io.env);
  const progress = showProgress(io);
  try {
    const { read, verified, resumed, backup } = await restoreBackup({
      path: file,
      openTarget: async () => {
        if (config.BROKER_STORE === 'lmdb') await ensureDataDirectory(config.BROKER_DATA_DIR);
        return openEngine(config, systemClock);
      },
      clock: systemClock,
      progress: progress.tell,
    });
    progress.clear();
    const masterKey = await judgeMasterKey(io.env, config);
    const { sha256, takenAt } = backup;
    const report = { file: resolve(file), ...placeOf(config), records: read, sha256, takenAt };
    await write(
      io.stdout,
      asJson
        ? `${JSON.stringify({ ...report, resumed, verified, masterKey })}\n`
        : `${file}: ${read} records of ${takenAt}, restored and verified${resumed ? ' (resumed)' : ''}\n` +
            `${colorsFor(io.stdout, io.env).yellow(keyWords[masterKey])}\n`,
    );
  } catch (error) {
    progress.clear();
    throw transferFailure(error, config, file);
  }
}

const keyWords: Readonly<Record<KeyJudgement, string>> = {
  fits: 'The master key that is here opens its keys.',
  'not needed': 'There are no keys in it that a master key must open.',
  missing: 'The master key is missing: put it back before you start the broker.',
  'does not fit': 'The master key that is here is another than the backup’s: put the right one back.',
};

function placeOf(config: Config): { readonly dataDir?: string; readonly table?: string | undefined } {
  return config.BROKER_STORE === 'lmdb'
    ? { dataDir: resolve(config.BROKER_DATA_DIR) }
    : { table: config.DYNAMODB_TABLE };
}
