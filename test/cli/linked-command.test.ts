import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'linked-'));
  await mkdir(join(directory, 'bin'));
  await copyFile('bin/a2a-broker.mjs', join(directory, 'bin', 'a2a-broker.mjs'));
});
afterEach(() => rm(directory, { recursive: true, force: true }));

/** As npm links it. */
function run(): Promise<{ readonly code: number; readonly out: string; readonly err: string }> {
  return new Promise((resolve) => {
    const child = execFile(process.execPath, [join(directory, 'bin', 'a2a-broker.mjs'), 'x'], (_, out, err) =>
      resolve({ code: child.exitCode ?? -1, out, err }),
    );
  });
}

it('says what is missing before the program is compiled', async () => {
  expect(await run()).toEqual({
    code: 1,
    out: '',
    err: 'error The program is not compiled yet: run `npm run build` first.\n',
  });
});

it('is the compiled program, its arguments and exit code', async () => {
  await mkdir(join(directory, 'dist'));
  await writeFile(join(directory, 'dist', 'bin.js'), 'console.log(process.argv[2]); process.exitCode = 3;');
  await writeFile(join(directory, 'package.json'), '{"type":"module"}');
  expect(await run()).toEqual({ code: 3, out: 'x\n', err: '' });
});
