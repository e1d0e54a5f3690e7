import { resolve } from 'node:path';
import type { Command } from 'commander';
import { systemClock } from '../kernel/clock.ts';
import { openForReading } from '../storage/open-store.ts';
import { writeBackup } from '../storage/transfer/write-backup.ts';
import { sizeOf } from './doctor/disk.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { withJson } from './options.ts';
import { write } from './output.ts';
import { storeConfig } from './store-config.ts';
import { transferFailure } from './transfer-failure.ts';
import { showProgress } from './transfer-progress.ts';

interface BackupOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

export function addBackupCommand(program: Command, io: CliIo, version: string): void {
  withExamples(
    withJson(program.command('backup'))
      .summary('Writes everything in the store to one file, also while the broker runs.')
      .description(
        'Writes every record of the store to one file that `restore` takes, also while the broker runs. With the embedded store ' +
          'it is the state of one moment; a DynamoDB table is read while it changes, and its point-in-time recovery is the better ' +
          'backup. The file has its name only when it is whole and on the disk; until then it ends with .part. The master key is ' +
          'not in it: keep that elsewhere, without it nobody can use what is in the file.',
      )
      .argument('<file>', 'the file to write, readable by this user alone; compressed when it ends with .gz')
      .option('--force', 'replace a file of that name')
      .action((file: string, options: BackupOptions) => runBackup(io, version, file, options)),
    'backup broker-2026-01-15.jsonl.gz',
    'backup latest.jsonl.gz --force --json',
  );
}

async function runBackup(io: CliIo, broker: string, file: string, options: BackupOptions): Promise<void> {
  const config = storeConfig(io.env);
  const progress = showProgress(io);
  try {
    const store = await openForReading(config, systemClock);
    try {
      const { count, ...backup } = await writeBackup({
        store,
        path: file,
        clock: systemClock,
        broker,
        force: options.force === true,
        progress: (done) => progress.tell('copying', done),
      });
      progress.clear();
      const report = { file: resolve(file), records: count, ...backup };
      await write(
        io.stdout,
        options.json === true
          ? `${JSON.stringify(report)}\n`
          : `${file}: ${count} records, ${sizeOf(backup.bytes)}\nsha256 of its records: ${backup.sha256}\n` +
              'The master key is not in it: keep that elsewhere.\n',
      );
    } finally {
      await store.close();
    }
  } catch (error) {
    progress.clear();
    throw transferFailure(error, config, file);
  }
}
