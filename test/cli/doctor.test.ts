import { once } from 'node:events';
import { chmod, mkdir, mkdtemp, readdir, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { createAudit } from '../../src/audit/index.ts';
import { examineConfiguration } from '../../src/cli/doctor/configuration.ts';
import { loadConfig } from '../../src/config/index.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import { type Broker, createBroker } from '../../src/main.ts';
import { openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { freePort, operatorToken } from '../support/broker-process.ts';
import { testClock } from '../support/clock.ts';
import { cli, type Outcome } from './run.ts';

interface Report {
  readonly ok: boolean;
  readonly configuration: readonly {
    readonly name: string;
    readonly value: string;
    readonly source: string;
  }[];
  readonly checks: readonly {
    readonly name: string;
    readonly status: string;
    readonly message: string;
    readonly advice?: readonly string[];
  }[];
}

let parent: string;
let data: string;
let port: number;
let env: Record<string, string>;
let broker: Broker | undefined;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'broker-doctor-'));
  data = join(parent, 'data');
  port = await freePort();
  env = {
    BROKER_URL: `http://127.0.0.1:${port}`,
    PORT: String(port),
    BROKER_DATA_DIR: data,
    LOG_LEVEL: 'silent',
  };
});
afterEach(async () => {
  await broker?.close();
  broker = undefined;
  await rm(parent, { recursive: true, force: true });
});

const doctor = (change: Record<string, string> = {}, ...args: readonly string[]): Promise<Outcome> =>
  cli(['doctor', ...args], { env: { ...env, ...change } });

async function examine(change: Record<string, string> = {}): Promise<Report & { readonly code: number }> {
  const { code, out } = await doctor(change, '--json');
  return { ...(JSON.parse(out) as Report), code };
}

/** One finding, as `status: message`. */
async function finding(name: string, change: Record<string, string> = {}): Promise<string> {
  const { checks } = await examine(change);
  const check = checks.find((candidate) => candidate.name === name);
  return `${check?.status}: ${check?.message}`;
}

async function start(change: Record<string, string> = {}): Promise<void> {
  broker = await createBroker(loadConfig({ ...env, BROKER_OPERATOR_TOKEN: operatorToken, ...change }));
  await broker.listen();
}

/** Made and stopped: a store with keys. */
async function startOnce(): Promise<void> {
  await (await createBroker(loadConfig(env))).close();
}

/** Every file under a directory, with what is in it; of LMDB's lock only that it is there, as readers sign in there. */
async function snapshot(directory: string): Promise<Record<string, string>> {
  const names = (await readdir(directory, { recursive: true })).toSorted();
  const entries = names.map(async (name) => {
    const path = join(directory, name);
    const { mode, size } = await stat(path);
    const isContent = !name.endsWith('-lock') && (await stat(path)).isFile();
    return [name, `${mode} ${size} ${isContent ? (await readFile(path)).toString('base64') : ''}`] as const;
  });
  return Object.fromEntries(await Promise.all(entries));
}

describe('doctor', () => {
  it('before the first start: nothing fails, nothing is made', async () => {
    const { code, ok, checks } = await examine();
    expect({ code, ok }).toEqual({ code: 0, ok: true });
    expect(checks.map(({ name, status }) => `${status} ${name}`)).toEqual([
      'ok node',
      'ok configuration',
      'ok private network',
      'ok data directory',
      'ok disk',
      'ok store',
      'ok master key',
      'ok clock',
      'ok port',
      'warn address',
      'ok operator token',
    ]);
    expect(await readdir(parent)).toEqual([]);
  });

  it('beside a running broker: all is well, and nothing is touched', async () => {
    await start();
    const before = await snapshot(parent);
    const { code, out, err } = await doctor({ BROKER_OPERATOR_TOKEN: operatorToken });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/\n12 ok, 0 warn, 0 fail\n$/);
    expect(out).toContain(`${port} on 127.0.0.1 is held by this broker, which is ready`);
    expect(out).toContain('set, and the running broker knows it');
    expect(out).toContain(`${join(data, 'master.key')} opens the store’s keys`);
    expect(out).not.toContain(operatorToken);
    expect(out).not.toContain(await readFile(join(data, 'master.key'), 'utf8'));
    expect(await snapshot(parent)).toEqual(before);
  });

  it('after a stop, and for a restored copy without lock file, leaves everything as it was', async () => {
    await startOnce();
    const stopped = await snapshot(parent);
    expect(await finding('store')).toMatch(/^ok: .*broker\.mdb opens/);
    expect(await snapshot(parent)).toEqual(stopped);
    await rm(join(data, 'broker.mdb-lock'));
    const restored = await snapshot(parent);
    expect(await finding('master key')).toMatch(/^ok: .*opens the store’s keys/);
    expect(await snapshot(parent)).toEqual(restored);
  });

  it('ends with 1 when something failed, and says so once more on standard error', async () => {
    const { code, out, err } = await doctor({ PORT: 'http' });
    expect({ code, err }).toEqual({ code: 1, err: 'error 1 of 2 checks failed.\n' });
    expect(out).toMatch(/fail +configuration +The configuration is not valid: PORT: must be a port number/);
    const json = await doctor({ PORT: 'http' }, '--json');
    expect(JSON.parse(json.out)).toMatchObject({ ok: false });
    expect(JSON.parse(json.err)).toMatchObject({ error: { reason: 'failed', exitCode: 1 } });
  });
});

describe('the configuration', () => {
  it('is shown as it takes effect, secrets only as set or unset', async () => {
    const secrets = {
      BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      BROKER_OPERATOR_TOKEN: operatorToken,
    };
    const { out } = await doctor({ ...secrets, LOG_LEVEL: 'warn' });
    expect(out).toMatch(/^ +LOG_LEVEL +warn +environment$/m);
    expect(out).toMatch(/^ +HOST +127\.0\.0\.1 +default$/m);
    expect(out).toMatch(/^ +BROKER_MASTER_KEY +set +environment$/m);
    expect(out).toMatch(/^ +BROKER_OPERATOR_TOKEN +set +environment$/m);
    for (const secret of Object.values(secrets)) expect(out).not.toContain(secret);
    expect((await doctor()).out).toMatch(/^ +BROKER_MASTER_KEY +unset$/m);
  });

  it('counts what init made as set', async () => {
    await cli(['init'], { env });
    const { configuration } = await examine();
    expect(configuration).toEqual(
      expect.arrayContaining([
        { name: 'BROKER_MASTER_KEY', value: 'set', source: 'master.key' },
        { name: 'BROKER_OPERATOR_TOKEN', value: 'set', source: 'operator.token' },
      ]),
    );
  });

  it('is shown also when it is not valid, without the secret that is wrong', async () => {
    const { code, out } = await doctor({ BROKER_MASTER_KEY: 'hunter2', HOST: 'here\u001b[2J' });
    expect(code).toBe(1);
    expect(out).toContain('here\\u{1b}[2J');
    expect(out).not.toContain('hunter2');
  });

  it.each([
    ['a token file that is none', 'short', /operator\.token does not hold a token/],
    ['no secrets off loopback', undefined, /BROKER_MASTER_KEY must be set/],
  ])('fails as serve would: %s', async (_, token, message) => {
    await cli(['init'], { env });
    if (token !== undefined) await writeFile(join(data, 'operator.token'), token);
    const change = token === undefined ? { BROKER_URL: 'https://broker.example.com' } : {};
    expect(await finding('configuration', change)).toMatch(message);
    expect(await examine(change)).toMatchObject({ code: 1, ok: false });
  });

  it('is warned about a variable that nobody reads', async () => {
    expect(await finding('configuration', { BROKER_MASTERKEY: 'x' })).toBe(
      'warn: valid, but nothing reads BROKER_MASTERKEY',
    );
  });

  it.each([
    ['ok', 'http://localhost:8080', 'false'],
    ['ok', 'http://localhost:8080', 'true'],
    ['ok', 'https://broker.example.com', 'false'],
    ['warn', 'https://broker.example.com', 'true'],
  ])('private network: %s at %s when allowed is %s', async (status, url, allowed) => {
    const { checks } = await examineConfiguration({
      BROKER_URL: url,
      BROKER_ALLOW_PRIVATE_NETWORK: allowed,
      BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
      BROKER_OPERATOR_TOKEN: operatorToken,
    });
    expect(checks.find(({ name }) => name === 'private network')).toMatchObject({ status });
  });
});

describe('the data directory', () => {
  it('fails when it is a file, or under one', async () => {
    await writeFile(data, '');
    expect(await finding('data directory')).toBe(`fail: ${data} is a file`);
    expect(await finding('data directory', { BROKER_DATA_DIR: join(data, 'below') })).toMatch(
      /^fail: .*is a file|cannot be used/,
    );
  });

  it('is warned about when others can read it, and all is well when it is closed', async () => {
    await startOnce();
    expect(await finding('permissions')).toMatch(/^ok/);
    await chmod(data, 0o755);
    await chmod(join(data, 'master.key'), 0o644);
    const { checks } = await examine();
    const check = checks.find(({ name }) => name === 'permissions');
    expect(check).toMatchObject({
      status: 'warn',
      advice: [`chmod go-rwx ${data} ${join(data, 'master.key')}`],
    });
    await chmod(data, 0o700);
    expect(await finding('permissions')).toMatch(/^ok/);
  });
});

describe('the store', () => {
  it.each([
    [
      'is none',
      () => writeFile(join(data, 'broker.mdb'), 'not a store'),
      /^fail: .*is not a store of this broker/,
    ],
    ['was cut', async () => truncate(join(data, 'broker.mdb'), 8192), /^fail: .*is not whole/],
    [
      'is a directory',
      async () => {
        await rm(join(data, 'broker.mdb'));
        await mkdir(join(data, 'broker.mdb'));
      },
      /^fail: .*cannot be read: it is a directory/,
    ],
  ])('fails when the file %s', async (_, damage, message) => {
    await startOnce();
    await damage();
    expect(await finding('store')).toMatch(message);
  });
});

describe('the master key', () => {
  it('fails when it is another', async () => {
    await startOnce();
    const other = { BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64') };
    expect(await finding('master key', other)).toMatch(
      /^fail: The signing keys in the store were encrypted with another/,
    );
  });

  it('fails when it is gone, and is not made anew', async () => {
    await startOnce();
    await rm(join(data, 'master.key'));
    expect(await finding('master key')).toMatch(/^fail: there is a store, but its key .*master\.key is gone/);
    expect(await readdir(data)).not.toContain('master.key');
  });

  it('fails when its file is damaged', async () => {
    await startOnce();
    await writeFile(join(data, 'master.key'), 'short');
    expect(await finding('master key')).toMatch(/^fail: .*master\.key must hold 32 bytes/);
  });
});

describe('the operator token', () => {
  it('fails when the running broker has another', async () => {
    await start();
    expect(await finding('operator token', { BROKER_OPERATOR_TOKEN: 'a-token-of-another-broker' })).toBe(
      'fail: set, but the running broker was started with another',
    );
  });

  it('is missed when the first start made it and it is not here', async () => {
    await startOnce();
    expect(await finding('operator token')).toBe(
      'warn: the first start made one and printed it; here it is not set',
    );
  });
});

describe('port and address', () => {
  it('fail when another program is there', async () => {
    const other = createServer((_, response) => response.end('{}')).listen(port, '127.0.0.1');
    await once(other, 'listening');
    expect(await finding('port')).toBe(`fail: ${port} on 127.0.0.1 is in use by another program`);
    expect(await finding('address')).toBe(`fail: what answers at http://127.0.0.1:${port} is no broker`);
    other.closeAllConnections();
    other.close();
    await once(other, 'close');
  });

  it('fail when another broker is there', async () => {
    await start({ BROKER_URL: 'http://localhost:1' });
    expect(await finding('port')).toMatch(
      /^fail: .*in use by a broker that calls itself http:\/\/localhost:1$/,
    );
    expect(await finding('address')).toMatch(
      /^fail: .*leads to a broker that calls itself http:\/\/localhost:1$/,
    );
  });

  it('fail when the broker runs, but its address does not lead to it', async () => {
    const nowhere = `http://127.0.0.1:${await freePort()}`;
    await start({ BROKER_URL: nowhere });
    expect(await finding('port', { BROKER_URL: nowhere })).toMatch(/^ok: .*held by this broker/);
    expect(await finding('address', { BROKER_URL: nowhere })).toMatch(
      /^fail: the broker runs, but not at BROKER_URL\./,
    );
  });

  it('fail when the broker is not ready', async () => {
    const unready = createServer((request, response) => {
      if (request.url === '/readyz') response.statusCode = 503;
      const issuer = env['BROKER_URL'];
      response.end(
        JSON.stringify(request.url?.startsWith('/.well-known') === true ? { issuer } : { status: 'x' }),
      );
    }).listen(port, '127.0.0.1');
    await once(unready, 'listening');
    expect((unready.address() as AddressInfo).port).toBe(port);
    expect(await finding('port')).toMatch(/^fail: .*this broker, which is not ready/);
    unready.closeAllConnections();
    unready.close();
    await once(unready, 'close');
  });

  it('fail when the host is not of this machine', async () => {
    expect(await finding('port', { HOST: '192.0.2.1' })).toMatch(
      /^fail: HOST is 192\.0\.2\.1, which is no address/,
    );
  });
});

describe('the clock', () => {
  it('fails when the store was written later than now', async () => {
    const clock = testClock(Date.now() + 3_600_000);
    const store = openLmdbStore({ clock, directory: data });
    await createAudit({ store, clock, ids: systemIds }).record({ action: 'test.run', outcome: 'allowed' });
    await store.close();
    expect(await finding('clock')).toMatch(/^fail: it says .*, but the newest audit entry is of /);
  });
});
