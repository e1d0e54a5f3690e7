import { once } from 'node:events';
import { mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { createBroker } from '../../src/main.ts';
import { freePort, operatorToken } from '../support/broker-process.ts';
import { cli } from './run.ts';

let directory: string;
let port: number;
let env: Record<string, string>;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-start-'));
  port = await freePort();
  env = {
    BROKER_URL: `http://127.0.0.1:${port}`,
    PORT: String(port),
    BROKER_DATA_DIR: directory,
    LOG_LEVEL: 'silent',
  };
});
afterEach(() => rm(directory, { recursive: true, force: true }));

const serve = (change: Record<string, string> = {}, ...args: readonly string[]) =>
  cli(['serve', ...args], { env: { ...env, ...change }, createBroker });

describe('a start that cannot work ends with what to do', () => {
  it('port in use: 1, as it may be free the next time', async () => {
    const holder = createServer().listen(port, '127.0.0.1');
    await once(holder, 'listening');
    expect(await serve()).toEqual({
      code: 1,
      out: '',
      err:
        `error Port ${port} on 127.0.0.1 is in use by another program.\n` +
        '      Stop that program, or set PORT (and BROKER_URL) to another.\n',
    });
    holder.close();
    await once(holder, 'close');
  });

  it('and then the next start shows the operator token that nobody has seen yet', async () => {
    const holder = createServer().listen(port, '127.0.0.1');
    await once(holder, 'listening');
    expect((await serve()).code).toBe(1);
    holder.close();
    await once(holder, 'close');
    const broker = await createBroker(loadConfig(env));
    expect(broker.madeOperatorToken).toMatch(/^op_/);
    await broker.listen();
    await broker.close();
    // Shown, and kept.
    const again = await createBroker(loadConfig(env));
    expect(again.madeOperatorToken).toBeUndefined();
    await again.close();
  });

  it('another master key than the store was made with', async () => {
    await (await createBroker(loadConfig(env))).close();
    const { code, err } = await serve({ BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') });
    expect(code).toBe(78);
    expect(err).toMatch(/^error The signing keys in the store were encrypted with another master key\./);
  });

  it.each([
    ['a wrong variable', { PORT: 'http' }, /PORT: must be a port number/],
    [
      'no secrets off loopback',
      { BROKER_URL: 'https://broker.example.com' },
      /BROKER_MASTER_KEY must be set/,
    ],
    [
      'a token that nobody could send',
      { BROKER_OPERATOR_TOKEN: 'a token with blanks in it' },
      /may only have/,
    ],
    ['a host that is not here', { HOST: '192.0.2.1' }, /HOST is 192\.0\.2\.1, which is no address of this/],
  ])('%s: 78', async (_, change, message) => {
    const { code, out, err } = await serve(change);
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 78, out: '' });
    expect(err).not.toContain('blanks');
  });

  it('a master key that is gone: none is made in its place', async () => {
    await (await createBroker(loadConfig(env))).close();
    await rm(join(directory, 'master.key'));
    const { code, err } = await serve();
    expect(code).toBe(78);
    expect(err).toMatch(/^error The master key of this store is gone\. Put master\.key back/);
    expect(await readdir(directory)).not.toContain('master.key');
  });

  it('replaced by another, with the one before beside it, and after keys reencrypt without', async () => {
    const [old, next] = [7, 8].map((byte) => Buffer.alloc(32, byte).toString('base64')) as [string, string];
    await (await createBroker(loadConfig({ ...env, BROKER_MASTER_KEY: old }))).close();
    expect((await serve({ BROKER_MASTER_KEY: next })).code).toBe(78);
    const both = {
      ...env,
      BROKER_MASTER_KEY: next,
      BROKER_MASTER_KEY_PREVIOUS: old,
      BROKER_OPERATOR_TOKEN: operatorToken,
    };
    const broker = await createBroker(loadConfig(both));
    await broker.listen();
    expect(await cli(['keys', 'reencrypt', '--reason', 'test', '--json'], { env: both })).toMatchObject({
      code: 0,
      out: expect.stringContaining('"records":3') as string,
    });
    await broker.close();
    await (await createBroker(loadConfig({ ...env, BROKER_MASTER_KEY: next }))).close();
    expect((await serve({ BROKER_MASTER_KEY: old })).code).toBe(78);
  });

  it('a data directory that is a file: 78', async () => {
    const path = join(directory, 'file');
    await writeFile(path, 'mine');
    const { code, err } = await serve({ BROKER_DATA_DIR: path });
    expect(err).toContain(`error The data directory ${path} cannot be used: `);
    expect(err).toContain('Set BROKER_DATA_DIR to a directory that this user may write to.');
    expect(code).toBe(78);
  });

  it('a store that is none, or cannot be opened: 78, and it stays as it is', async () => {
    await writeFile(join(directory, 'broker.mdb'), 'not a store');
    expect(await serve()).toMatchObject({
      code: 78,
      err: expect.stringMatching(/broker\.mdb is not a store of this broker\.\n +Put a backup/) as string,
    });
    await rm(join(directory, 'broker.mdb'));
    await mkdir(join(directory, 'broker.mdb-lock'));
    expect(await serve()).toMatchObject({ code: 78 });
    expect((await readdir(directory)).toSorted()).toEqual(['broker.mdb-lock']);
  });

  it('with --json: as JSON', async () => {
    const { code, err } = await serve({ PORT: 'http' }, '--json');
    expect(code).toBe(78);
    expect(JSON.parse(err)).toMatchObject({ error: { reason: 'configuration', exitCode: 78 } });
  });
});
