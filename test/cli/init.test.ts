import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { loadConfig } from '../../src/config/index.ts';
import { createBroker } from '../../src/main.ts';
import { cli } from './run.ts';

let parent: string;
let data: string;
beforeEach(async () => {
  parent = await mkdtemp(join(tmpdir(), 'broker-init-'));
  data = join(parent, 'var', 'data');
});
afterEach(() => rm(parent, { recursive: true, force: true }));

const init = (env: Record<string, string> = {}, ...args: readonly string[]) =>
  cli(['init', ...args], { env: { BROKER_DATA_DIR: data, ...env } });
const modeOf = async (path: string) => ((await stat(path)).mode & 0o777).toString(8);
const contents = async () =>
  Object.fromEntries(
    await Promise.all(
      (await readdir(data)).map(async (name) => [name, await readFile(join(data, name), 'utf8')]),
    ),
  ) as Record<string, string>;

/** What a broker leaves behind that was started without `init`. */
async function startOnce(env: Record<string, string> = {}): Promise<void> {
  await (await createBroker(loadConfig({ BROKER_DATA_DIR: data, LOG_LEVEL: 'silent', ...env }))).close();
}

describe('init', () => {
  it('makes directory, key and token for this user alone, and shows neither', async () => {
    const { code, out, err } = await init();
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(await modeOf(data)).toBe('700');
    const made = await contents();
    expect(Object.keys(made).toSorted()).toEqual(['master.key', 'operator.token']);
    for (const [name, content] of Object.entries(made)) {
      expect(await modeOf(join(data, name))).toBe('600');
      expect(out).toContain(`${join(data, name)} (made)`);
      expect(out).not.toContain(content.trim());
    }
    expect(Buffer.from(made['master.key'] ?? '', 'base64url')).toHaveLength(32);
    expect(made['operator.token']).toMatch(/^op_[\w-]{43}\n$/);
    expect(out).toMatch(/Next:\n {2}a2a-broker doctor\n {2}a2a-broker serve\n/);
  });

  it('changes nothing the second time, or at the same time', async () => {
    expect((await Promise.all([init(), init(), init()])).map(({ code }) => code)).toEqual([0, 0, 0]);
    const before = await contents();
    const { code, out } = await init();
    expect(code).toBe(0);
    expect(out.match(/\(kept\)/g)).toHaveLength(2);
    expect(await contents()).toEqual(before);
  });

  it('says the same in JSON', async () => {
    expect(JSON.parse((await init({}, '--json')).out)).toEqual({
      dataDir: data,
      masterKey: { status: 'made', path: join(data, 'master.key') },
      operatorToken: { status: 'made', path: join(data, 'operator.token') },
      next: ['a2a-broker doctor', 'a2a-broker serve', 'a2a-broker providers create --id acme --name Acme'],
    });
  });

  it('makes nothing that the environment brings', async () => {
    const env = {
      BROKER_MASTER_KEY: Buffer.alloc(32, 1).toString('base64'),
      BROKER_OPERATOR_TOKEN: 'a-token-from-the-environment',
    };
    const { code, out } = await init(env);
    expect(code).toBe(0);
    expect(await readdir(data)).toEqual([]);
    expect(out.match(/from environment/g)).toHaveLength(2);
    expect(out).not.toContain(env.BROKER_OPERATOR_TOKEN);
  });

  it('off loopback says how the secrets get into the environment', async () => {
    const { code, out } = await init({ BROKER_URL: 'https://broker.example.com' });
    expect(code).toBe(0);
    expect(out).toContain(`export BROKER_MASTER_KEY="$(cat ${join(data, 'master.key')})"`);
    expect(out).toContain(`export BROKER_OPERATOR_TOKEN="$(cat ${join(data, 'operator.token')})"`);
  });
});

describe('init beside data', () => {
  it('refuses to make another master key when the one of the data is gone', async () => {
    await startOnce();
    await rm(join(data, 'master.key'));
    const { code, err } = await init();
    expect({ code, err }).toMatchObject({
      code: 78,
      err: expect.stringMatching(/has data, but its master key .* is gone\.\n +Put the file back/) as string,
    });
    expect(await readdir(data)).not.toContain('master.key');
  });

  it('makes no token beside the one that the first start printed', async () => {
    await startOnce();
    const { code, out } = await init();
    expect(code).toBe(0);
    expect(out).toContain('operator token  in the store');
    expect(out).toContain('export BROKER_OPERATOR_TOKEN=…');
    expect(await readdir(data)).not.toContain('operator.token');
  });

  it.each([
    ['master.key', 'short'],
    ['operator.token', 'short'],
  ])('never replaces a %s that cannot be used', async (name, content) => {
    await init();
    await writeFile(join(data, name), content);
    const { code, err } = await init();
    expect({ code, err }).toMatchObject({ code: 78, err: expect.stringContaining(name) as string });
    expect(await readFile(join(data, name), 'utf8')).toBe(content);
  });
});

describe('init that cannot work', () => {
  it.each([
    ['a wrong variable', { PORT: 'http' }, /PORT: must be a port number/],
    ['a wrong key', { BROKER_MASTER_KEY: 'hunter2' }, /BROKER_MASTER_KEY: must be 32 bytes/],
    ['plain http off loopback', { BROKER_URL: 'http://broker.example.com' }, /BROKER_URL must use https/],
  ])('makes nothing for %s', async (_, env, message) => {
    const { code, err } = await init(env);
    expect(err).toMatch(message);
    expect(err).not.toContain('hunter2');
    expect(code).toBe(78);
    expect(await readdir(parent)).toEqual([]);
  });

  it('says when the directory cannot be one', async () => {
    await writeFile(join(parent, 'var'), '');
    expect(await init()).toMatchObject({
      code: 78,
      err: expect.stringContaining(
        `The data directory ${data} cannot be used: part of the path is a file.`,
      ) as string,
    });
  });
});
