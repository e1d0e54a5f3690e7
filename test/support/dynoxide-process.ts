import { spawn } from 'node:child_process';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { freePort } from './broker-process.ts';

export interface DynamoDbProcess {
  readonly endpoint: string;
  stop(): Promise<void>;
}

/** The binary for this platform, or `undefined` when there is none: it is an optional dependency of the package beside us. */
function binary(): string | undefined {
  try {
    return createRequire(new URL('dynoxide/package.json', import.meta.url)).resolve(
      '@dynoxide/linux-x64/dynoxide',
    );
  } catch {
    return undefined;
  }
}

/** A DynamoDB of our own, in memory, on loopback. `undefined` on platforms without a binary. */
export async function startDynoxide(): Promise<DynamoDbProcess | undefined> {
  const path = binary();
  if (path === undefined) return undefined;
  const port = await freePort();
  const endpoint = `http://127.0.0.1:${port}`;
  const child = spawn(path, ['--port', String(port)], { stdio: ['ignore', 'ignore', 'pipe'] });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const ended = new Promise<void>((resolve) => {
    child.on('exit', () => resolve());
    child.on('error', () => resolve());
  });
  for (let attempt = 0; attempt < 400; attempt++) {
    if (child.exitCode !== null || child.pid === undefined)
      throw new Error(`dynoxide ended before it was ready: ${output}`);
    const answer = await fetch(endpoint).catch(() => undefined);
    await answer?.body?.cancel();
    if (answer !== undefined)
      return {
        endpoint,
        stop: async () => {
          child.kill('SIGTERM');
          await ended;
        },
      };
    await delay(25);
  }
  child.kill('SIGKILL');
  throw new Error(`dynoxide was not ready in time: ${output}`);
}
