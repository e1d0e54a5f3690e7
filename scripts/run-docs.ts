/**
 * `npm run docs:check -- FILE…`: runs every `sh` block of the named guides, each file in a directory and on ports of its own, and
 * stops at the first command that fails. A block under `<!-- not run: why -->` is left out.
 *
 * Local addresses with a port (`localhost:8080`, `127.0.0.1:4101`, `--port 4101`) are moved to free ports, so that a guide can name
 * plain ones. `npx a2a-broker` runs the built command of this checkout.
 */
import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const block = /(<!-- not run: [^>]+-->\n+ *)?```sh\n([\s\S]*?)```/g;
const port = /(?<=(?:localhost|127\.0\.0\.1):|--port )\d{4,5}\b/g;

/** Prints each command, and stops at the first failure. */
const preamble = `set -euo pipefail
npx() { if [ "$1" = a2a-broker ]; then shift; node "${root}bin/a2a-broker.mjs" "$@"; else command npx "$@"; fi; }
set -v`;

const files = process.argv.slice(2);
if (files.length === 0) {
  console.error('Usage: npm run docs:check -- FILE…');
  process.exit(2);
}
for (const file of files) await runGuide(file);

async function runGuide(file: string): Promise<void> {
  const text = await readFile(file, 'utf8');
  const blocks = [...text.matchAll(block)].flatMap(([, skipped, commands]) =>
    skipped === undefined && commands !== undefined ? [commands] : [],
  );
  const commands = await onFreePorts(blocks.join('\n'));
  const directory = await mkdtemp(join(tmpdir(), 'broker-guide-'));
  try {
    for (const name of ['examples', 'src', 'node_modules', 'dist', 'package.json'])
      await symlink(resolve(root, name), join(directory, name));
    const script = join(directory, 'guide.sh');
    await writeFile(script, `${preamble}\n${commands}`);
    console.log(`\n== ${file}: ${blocks.length} blocks`);
    const code = await run(script, directory);
    if (code === 0) return;
    console.error(`${file}: a command failed (exit code ${code}); it is the last one above`);
    process.exitCode = 1;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

async function onFreePorts(text: string): Promise<string> {
  const free = new Map<string, number>();
  for (const name of new Set(text.match(port) ?? [])) free.set(name, await freePort());
  const moved = text.replaceAll(port, (name) => String(free.get(name)));
  const broker = free.get('8080');
  return broker === undefined
    ? moved
    : `export PORT=${broker} BROKER_URL=http://localhost:${broker} NO_COLOR=1\n${moved}`;
}

/** In a process group of its own, so that what a guide starts in the background ends with it. */
function run(script: string, directory: string): Promise<number | null> {
  return new Promise((done, fail) => {
    const child = spawn('bash', [script], {
      cwd: directory,
      stdio: ['ignore', 'inherit', 'inherit'],
      detached: true,
    });
    child.on('error', fail);
    child.on('exit', (code) => {
      try {
        process.kill(-(child.pid ?? 0), 'SIGTERM');
      } catch (error) {
        if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
      }
      done(code);
    });
  });
}

function freePort(): Promise<number> {
  return new Promise((done, fail) => {
    const server = createServer();
    server.on('error', fail);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => done(typeof address === 'object' && address !== null ? address.port : 0));
    });
  });
}
