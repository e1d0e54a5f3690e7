import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { systemClock } from '../kernel/clock.ts';
import { openLmdbStoreForReading } from '../storage/lmdb/read-only.ts';
import { openEngine } from '../storage/open-store.ts';
import { migrateStore } from '../storage/transfer/migrate-store.ts';
import { withExamples } from './examples.ts';
import type { CliIo } from './io.ts';
import { withJson } from './options.ts';
import { write } from './output.ts';
import { storeConfig } from './store-config.ts';
import { transferFailure } from './transfer-failure.ts';
import { showProgress } from './transfer-progress.ts';

export function addMigrateCommand(program: Command, io: CliIo): void {
  withExamples(
    withJson(program.command('migrate'))
      .summary('Copies the embedded store into an empty DynamoDB table.')
      .description(
        'Copies all that is in the embedded store (BROKER_DATA_DIR) into an empty DynamoDB table (DYNAMODB_TABLE, made by `init`), ' +
          'and compares the two afterwards. The broker must be stopped: with another process on the directory it refuses, and it ' +
          'fails when anything was written there meanwhile. When it was interrupted, run it again: it goes on where it was. ' +
          'Until it is done, no broker starts on the table. The directory stays as it is. The master key is not copied: give it to the ' +
          'new brokers in BROKER_MASTER_KEY.',
      )
      .addOption(new Option('--to <engine>', 'where to').choices(['dynamodb']).makeOptionMandatory())
      .action((options: { readonly json?: boolean }) => runMigrate(io, options.json === true)),
    'migrate --to dynamodb',
    'migrate --to dynamodb --json',
  );
}

async function runMigrate(io: CliIo, asJson: boolean): Promise<void> {
  const from = storeConfig(io.env, 'lmdb');
  const to = storeConfig(io.env, 'dynamodb');
  const progress = showProgress(io);
  let config = from;
  try {
    const source = await openLmdbStoreForReading({ clock: systemClock, directory: from.BROKER_DATA_DIR });
    try {
      config = to;
      const target = await openEngine(to, systemClock);
      try {
        const { read, verified, resumed } = await migrateStore({
          source,
          target,
          clock: systemClock,
          progress: progress.tell,
        });
        progress.clear();
        const report = { dataDir: resolve(from.BROKER_DATA_DIR), table: to.DYNAMODB_TABLE, records: read };
        await write(
          io.stdout,
          asJson
            ? `${JSON.stringify({ ...report, resumed, verified })}\n`
            : `${report.dataDir}: ${read} records, copied to the DynamoDB table ${report.table} and verified` +
                `${resumed ? ' (resumed)' : ''}\n` +
                'Start the broker with BROKER_STORE=dynamodb and the same master key, and never again on the directory.\n',
        );
      } finally {
        await target.close();
      }
    } finally {
      await source.close();
    }
  } catch (error) {
    progress.clear();
    throw transferFailure(error, config);
  }
}
