import { connect, type ConnectionOptions } from './connection.ts';
import type { CliIo } from './io.ts';
import { write } from './output.ts';
import { showProgress } from './transfer-progress.ts';

/** `audit export`: JSON Lines, with or without `--json`. */
export async function runAuditExport(io: CliIo, options: ConnectionOptions): Promise<void> {
  const api = await connect(io, options);
  const progress = showProgress(io);
  let count = 0;
  try {
    for await (const page of api.pages(auditExport)) {
      if (page.length > 0) await write(io.stdout, page.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
      progress.tell('exporting', (count += page.length));
    }
  } finally {
    progress.clear();
  }
}

export const auditExport = { path: '/v1/audit/export', query: { limit: 200 } };
