import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createCrew, type Crew } from '../../../src/cli/demo/crew.ts';

const readySchema = z.object({ ready: z.object({ pid: z.int() }) });
const environmentSchema = z.object({ env: z.record(z.string(), z.string()) });

/** Real processes of tiny programs, each for one way to behave. */
const programs = {
  'stays.mjs': `setInterval(() => {}, 1000);
    process.on('SIGTERM', () => process.exit(0));
    console.log('for people');
    console.log(JSON.stringify({ ready: { pid: process.pid } }));`,
  'falls.mjs': `console.error('first'); console.error('the disk is full'); process.exitCode = 7;`,
  'tells.mjs': `console.log(JSON.stringify({ env: process.env })); process.exitCode = Number(process.argv[2]);`,
};

describe('the crew', () => {
  let root: string;
  let crew: Crew;
  beforeEach(async () => {
    root = await mkdtemp(join(tmpdir(), 'crew-'));
    await mkdir(join(root, 'examples'));
    for (const [file, text] of Object.entries(programs)) await writeFile(join(root, 'examples', file), text);
    crew = createCrew(() => ({ root, loader: 'data:text/javascript,', env: { LANG: 'C' } }));
  });
  afterEach(async () => {
    await crew.stop();
    await rm(root, { recursive: true, force: true });
  });

  const start = async () => {
    const program = crew.start({ name: 'Skyways', file: 'stays.mjs', args: [] });
    const [line] = await program.waitFor(readySchema, 1, 'that it is ready');
    return { program, pid: line?.ready.pid ?? 0 };
  };

  it('runs programs as processes of their own, and ends all of them', async () => {
    const [one, two] = [await start(), await start()];
    expect(new Set([process.pid, one.pid, two.pid]).size).toBe(3);
    await crew.stop();
    expect(await one.program.ended).toEqual({ code: 0, signal: null });
    expect(() => process.kill(two.pid, 0)).toThrow('ESRCH');
  });

  it('says who is gone, how, and what its last words were', async () => {
    crew.start({ name: 'Northpay', file: 'falls.mjs', args: [] });
    expect(await crew.lost).toMatchObject({
      message: 'Northpay ended with exit code 7, although it was needed.',
      hints: ['The end of its standard error:', '  first', '  the disk is full'],
    });
  });

  it('notices one that is killed', async () => {
    const { pid } = await start();
    process.kill(pid, 'SIGKILL');
    expect(await crew.lost).toMatchObject({
      message: 'Skyways ended by SIGKILL, although it was needed.',
      hints: ['It wrote nothing to its standard error.'],
    });
  });

  it('does not wait for what an ended program cannot print any more', async () => {
    const program = crew.start({ name: 'Northpay', file: 'falls.mjs', args: [] });
    await expect(program.waitFor(readySchema, 1, 'that it is ready')).rejects.toThrow(
      'Northpay ended with exit code 7, although it was needed.',
    );
  });

  it('lets a program end by itself, with an exit code that it may have', async () => {
    const program = await crew.run({ name: 'the app', file: 'tells.mjs', args: ['3'] }, [0, 3]);
    expect(program.lines(environmentSchema)).toHaveLength(1);
    await expect(crew.run({ name: 'the app', file: 'tells.mjs', args: ['4'] }, [0, 3])).rejects.toThrow(
      'the app ended with exit code 4, although it was needed.',
    );
  });

  it('gives programs of other companies nothing of our environment', async () => {
    const program = await crew.run({ name: 'the app', file: 'tells.mjs', args: ['0'] }, [0]);
    const [line] = program.lines(environmentSchema);
    const { NODE_CHANNEL_FD: _, NODE_CHANNEL_SERIALIZATION_MODE: __, ...env } = line?.env ?? {};
    expect(env).toEqual({ LANG: 'C' });
  });

  it('starts nobody once it is being stopped', async () => {
    await crew.stop();
    expect(() => crew.start({ name: 'Skyways', file: 'stays.mjs', args: [] })).toThrow('is being stopped');
  });
});
