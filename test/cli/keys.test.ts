import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { calculateJwkThumbprint, createLocalJWKSet, importJWK, type JWK, jwtVerify, SignJWT } from 'jose';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { runCli } from '../../src/cli/index.ts';

let directory: string;
beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-keys-'));
});
afterEach(() => rm(directory, { recursive: true }));

async function create(...names: readonly string[]): Promise<{ code: number; out: string; err: string }> {
  const [privatePath, publicPath] = names.map((name) => join(directory, name));
  const text = { out: '', err: '' };
  const into = (name: keyof typeof text) =>
    new Writable({
      write: (chunk: Buffer, _, done) => {
        text[name] += chunk.toString();
        done();
      },
    });
  const code = await runCli(
    [
      'node',
      'a2a-broker',
      'keys',
      'create',
      '--private',
      privatePath ?? '',
      '--public',
      publicPath ?? '',
      '--json',
    ],
    {
      createBroker: () => Promise.reject(new Error('not needed')),
      env: {},
      stdout: into('out'),
      stderr: into('err'),
    },
  );
  return { code, ...text };
}

const read = async (name: string): Promise<JWK & { keys?: JWK[] }> =>
  JSON.parse(await readFile(join(directory, name), 'utf8')) as JWK & { keys?: JWK[] };

it('makes a pair of which one signs and the other verifies', async () => {
  const { code, out } = await create('a.jwk', 'a.jwks.json');
  expect(code).toBe(0);
  const [privateJwk, publicJwks] = [await read('a.jwk'), await read('a.jwks.json')];
  const kid = await calculateJwkThumbprint(privateJwk);
  expect(JSON.parse(out)).toMatchObject({ kid });
  expect(publicJwks.keys).toHaveLength(1);
  expect(publicJwks.keys?.[0]).not.toHaveProperty('d');
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', kid })
    .sign(await importJWK(privateJwk, 'ES256'));
  await jwtVerify(token, createLocalJWKSet({ keys: publicJwks.keys ?? [] }));
});

it('lets nobody else read the private key, and prints nothing of it', async () => {
  const { out, err } = await create('a.jwk', 'a.jwks.json');
  expect((await stat(join(directory, 'a.jwk'))).mode & 0o777).toBe(0o600);
  expect(out + err).not.toContain((await read('a.jwk')).d);
});

it('overwrites nothing, and leaves no half pair', async () => {
  await writeFile(join(directory, 'taken'), 'mine');
  for (const names of [
    ['taken', 'new'],
    ['new', 'taken'],
  ] as const) {
    const { code, err } = await create(...names);
    expect(code).toBe(2);
    expect(err).toContain('there is a file already');
  }
  expect(await readdir(directory)).toEqual(['taken']);
  expect(await readFile(join(directory, 'taken'), 'utf8')).toBe('mine');
});
