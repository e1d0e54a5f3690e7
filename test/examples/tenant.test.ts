import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createRemoteJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { signIn } from '../../examples/tenant/sign-in.ts';
import { type ExampleProcess, runExample, startExample } from './example-process.ts';

interface TenantReady {
  readonly issuer: string;
  readonly appClientId: string;
  readonly users: readonly string[];
  readonly register: { readonly issuer: { readonly issuer: string; readonly jwksUri: string } };
}

describe('the example tenant', () => {
  let directory: string;
  let idp: ExampleProcess<TenantReady>;
  const start = () =>
    startExample<TenantReady>('tenant/idp.ts', [
      `--state=${join(directory, 'idp')}`,
      '--tenant=acme',
      '--user=alice:wonderland',
      '--user=bob:builder',
    ]);
  const ask = (...args: readonly string[]) =>
    runExample('tenant/ask.ts', [
      '--broker=http://127.0.0.1:9',
      `--state=${join(directory, 'app')}`,
      '--tenant=acme',
      `--issuer=${idp.ready.issuer}`,
      ...args,
    ]);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'example-'));
    idp = await start();
  });
  afterAll(async () => {
    await idp.stop();
    await rm(directory, { recursive: true, force: true });
  });

  it('signs a user in, for its own app and nobody else', async () => {
    const { issuer, appClientId, register } = idp.ready;
    const idToken = await signIn({
      issuer,
      clientId: appClientId,
      username: 'alice',
      password: 'wonderland',
    });
    const keys = createRemoteJWKSet(new URL(register.issuer.jwksUri));
    const { payload, protectedHeader } = await jwtVerify(idToken, keys, { issuer, audience: appClientId });
    expect(payload).toMatchObject({ sub: 'alice', aud: appClientId });
    expect(protectedHeader.alg).toBe('ES256');
  });

  it.each([
    ['a wrong password', 'alice', 'builder'],
    ['a user that it does not have', 'mallory', ''],
    ['no name', '', ''],
  ])('does not sign in with %s', async (_, username, password) => {
    const { issuer, appClientId: clientId } = idp.ready;
    await expect(signIn({ issuer, clientId, username, password })).rejects.toThrow('Wrong name or password.');
  });

  it('knows no other app', async () => {
    const { issuer } = idp.ready;
    await expect(
      signIn({ issuer, clientId: 'other', username: 'alice', password: 'wonderland' }),
    ).rejects.toThrow('invalid_client');
  });

  it('prints what its app must be registered with, always the same', async () => {
    const first = await ask('--registration');
    expect(first.line).toMatchObject({
      register: {
        client: {
          id: 'acme-travel-app',
          owner: 'tenant:acme',
          issuerClientIds: { [idp.ready.issuer]: idp.ready.appClientId },
        },
      },
    });
    expect(JSON.stringify(first.line)).not.toContain('"d":');
    expect((await ask('--registration')).line).toEqual(first.line);
  });

  it('says in one line why a question was refused', async () => {
    const unsigned = await ask('--user', 'alice', '--password', 'nope', '--text', 'hello');
    expect(unsigned).toMatchObject({ code: 3, line: { refused: { message: 'Wrong name or password.' } } });
    const noBroker = await ask('--user', 'alice', '--password', 'wonderland', '--text', 'hello');
    expect(noBroker).toMatchObject({ code: 3, line: { refused: { agent: 'concierge/planner' } } });
    expect((await ask('--user', 'alice', '--password', 'wonderland')).code).toBe(2);
  });

  it('is the same issuer when it starts again', async () => {
    const before = idp.ready;
    expect(await idp.stop()).toBe(0);
    idp = await start();
    expect(idp.ready).toEqual(before);
  });
});
