import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { newParty } from '../support/party.ts';
import { operatorCli } from './run.ts';

/** A server that must not be asked, or tells what it was asked for. */
let server: Server;
let asked: string[];
let directory: string;
let cli: ReturnType<typeof operatorCli>;

beforeEach(() => {
  asked = [];
});
beforeAll(async () => {
  server = createServer((request, response) => {
    asked.push(request.url ?? '');
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  cli = operatorCli({
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    token: 'x'.repeat(24),
  });
  directory = await mkdtemp(join(tmpdir(), 'public-keys-'));
});
afterAll(async () => {
  server.close();
  await rm(directory, { recursive: true, force: true });
});

describe('a private key where public ones belong', () => {
  it('never leaves the machine', async () => {
    const party = await newParty();
    const jwk = await exportJWK(party.privateKey);
    for (const [name, content] of [
      ['one.jwk', jwk],
      ['set.json', { keys: [jwk] }],
      ['shared.json', { keys: [{ kty: 'oct', k: 'AAAA' }] }],
    ] as const) {
      const file = join(directory, name);
      await writeFile(file, JSON.stringify(content));
      for (const command of [
        ['clients', 'create', '--id', 'a', '--name', 'a', '--owner', 'tenant:acme', '--jwks-file', file],
        ['issuers', 'add', 'tenant:acme', '--issuer', 'https://login.acme.example', '--jwks-file', file],
      ]) {
        const { code, err } = await cli(command);
        expect([code, err]).toEqual([2, expect.stringContaining('holds a private key. Nothing was sent.')]);
        expect(err).not.toContain(jwk.d);
      }
    }
    expect(asked).toEqual([]);
  });

  it('and one public key that is no set is told so', async () => {
    const { jwks } = await newParty();
    const file = join(directory, 'public.jwk');
    await writeFile(file, JSON.stringify(jwks.keys[0]));
    const { code, err } = await cli([
      'issuers',
      'add',
      'tenant:acme',
      '--issuer',
      'https://a.example',
      '--jwks-file',
      file,
    ]);
    expect([code, err]).toEqual([2, expect.stringContaining('{"keys": […]} was expected')]);
  });
});

describe('an id that begins with a dash', () => {
  it('is an id, wherever it stands', async () => {
    const id = `-${'a'.repeat(42)}`;
    expect((await cli(['delegations', 'show', id, '--json'])).code).toBe(0);
    expect(asked.at(-1)).toBe(`/v1/delegations/${id}`);
  });
});
