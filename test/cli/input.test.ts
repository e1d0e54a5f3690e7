import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { words } from './commands.ts';
import { cli, operatorCli } from './run.ts';

let broker: RunningBroker;
let directory: string;
beforeAll(async () => {
  broker = await runBroker();
  directory = await mkdtemp(join(tmpdir(), 'broker-cli-input-'));
});
afterEach(() => vi.restoreAllMocks());
afterAll(async () => {
  await broker.close();
  await rm(directory, { recursive: true, force: true });
});

const run = (line: string, stdin = '') => operatorCli(broker)(words(line), { stdin });

async function file(name: string, content: string): Promise<string> {
  const path = join(directory, name);
  await writeFile(path, content);
  return path;
}

describe('--file', () => {
  it('is the whole request, from a file or standard input', async () => {
    const path = await file('tenant.json', '{"id":"from-file","name":"From file","tier":"gold"}');
    expect(await run(`tenants create --file ${path}`)).toMatchObject({ code: 0 });
    expect(
      await run('tenants create --file -', '{"id":"from-stdin","name":"A","tier":"gold"}'),
    ).toMatchObject({
      code: 0,
    });
    expect((await run('tenants list')).out).toMatch(/from-file[^]*from-stdin/);
  });

  it('gives way to options, member by member', async () => {
    const path = await file('both.json', '{"id":"in-file","name":"From file","tier":"gold"}');
    expect((await run(`tenants create --file ${path} --id by-option`)).out).toMatch(
      /^id +by-option\nname +From file\ntier +gold$/m,
    );
  });

  it.each([
    [
      'is missing',
      () => Promise.resolve(join(directory, 'nothing.json')),
      /cannot be read: there is no such file/,
    ],
    ['is a directory', () => Promise.resolve(directory), /cannot be read: it is a directory/],
    ['is no JSON', () => file('broken.json', '{"id":'), /broken\.json does not hold valid JSON/],
    ['is no object', () => file('list.json', '[1]'), /list\.json must hold one JSON object/],
    [
      'is far too large',
      () => file('large.json', ' '.repeat(5 * 1024 * 1024)),
      /has more than 4194304 bytes/,
    ],
  ])('ends with 2 when it %s, and sends nothing', async (_, path, message) => {
    const { code, err } = await run(`tenants create --file ${await path()}`);
    expect(err).toMatch(message);
    expect(code).toBe(2);
  });

  it('ends with 2 when standard input is far too large, or no JSON', async () => {
    expect(await run('tenants create --file -', ' '.repeat(5 * 1024 * 1024))).toMatchObject({ code: 2 });
    expect((await run('tenants create --file -', 'no')).err).toContain(
      'Standard input does not hold valid JSON',
    );
  });

  it('is not read twice from one standard input', async () => {
    const { code, err } = await run('agents register skyways --file - --card-file -', '{}');
    expect({ code, err }).toMatchObject({
      code: 2,
      err: expect.stringContaining('Only one thing can come from standard input') as string,
    });
  });
});

describe('the token', () => {
  const list = ['tenants', 'list'];

  it('is taken from a file or standard input, line end or not', async () => {
    const path = await file('token.txt', `${broker.token}\r\n`);
    const env = { BROKER_URL: broker.url };
    expect(await cli([...list, '--token-file', path], { env })).toMatchObject({ code: 0 });
    expect(await cli([...list, '--token-file', '-'], { env, stdin: `${broker.token}\n` })).toMatchObject({
      code: 0,
    });
  });

  it('comes before the one of the environment', async () => {
    const path = await file('other.txt', 'another-token-altogether');
    expect(await run(`tenants list --token-file ${path}`)).toMatchObject({ code: 3 });
  });

  it('is found in the data directory of a broker of this machine', async () => {
    const data = join(directory, 'data');
    await mkdir(data);
    await writeFile(join(data, 'operator.token'), `${broker.token}\n`);
    const env = { BROKER_DATA_DIR: data };
    expect(await cli([...list, '--broker', broker.url], { env })).toMatchObject({ code: 0 });
  });

  it.each([
    ['is no token', 'two words'],
    ['is too short', 'short'],
    ['is empty', ''],
  ])('ends with 78 when that file %s, without its content', async (_, content) => {
    const data = await mkdtemp(join(directory, 'data-'));
    await writeFile(join(data, 'operator.token'), content);
    const { code, err } = await cli(list, { env: { BROKER_URL: broker.url, BROKER_DATA_DIR: data } });
    expect({ code, err }).toMatchObject({
      code: 78,
      err: expect.stringContaining('operator.token') as string,
    });
    expect(err.includes(content)).toBe(content === '');
  });

  it('of the data directory is never sent to another machine', async () => {
    const data = await mkdtemp(join(directory, 'data-'));
    await writeFile(join(data, 'operator.token'), `${broker.token}\n`);
    const sent: (string | null)[] = [];
    vi.spyOn(globalThis, 'fetch').mockImplementation((input, init) => {
      sent.push(new Request(input, init).headers.get('authorization'));
      return Promise.resolve(Response.json({ items: [] }));
    });
    for (const address of [broker.url, 'https://broker.example.com'])
      await cli([...list, '--broker', address], { env: { BROKER_DATA_DIR: data } });
    expect(sent).toEqual([`Bearer ${broker.token}`, null]);
  });

  it.each([
    ['tenants list'],
    ['token client-credentials --client-id a --key a.jwk'],
    ['token exchange --client-id a --key a.jwk --agent a/b --subject-token-file -'],
  ])('never travels in the clear: %s', async (line) => {
    const outcome = await run(`${line} --broker http://broker.example.com`, 'subject');
    expect(outcome).toMatchObject({
      code: 2,
      err: expect.stringContaining('is not https: the token would travel in the clear') as string,
    });
  });

  it.each(['line\nbreak-line-break-line-break', 'ünïcödé-ünïcödé-ünïcödé', ' '])(
    'is not repeated when the environment holds none: %j',
    async (token) => {
      const env = { BROKER_URL: broker.url, BROKER_OPERATOR_TOKEN: token };
      const { code, err } = await cli(list, { env });
      expect({ code, err }).toEqual({
        code: 2,
        err: 'error BROKER_OPERATOR_TOKEN does not hold a bearer token: one line of visible ASCII was expected.\n',
      });
    },
  );
});
