import { readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { examineConfiguration } from '../../src/cli/doctor/configuration.ts';
import { operatorToken } from '../support/broker-process.ts';
import {
  doctor,
  examine,
  finding,
  patient,
  snapshot,
  start,
  startOnce,
  useDoctor,
} from './doctor-patient.ts';
import { cli } from './run.ts';

useDoctor();

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
    expect(await readdir(patient.parent)).toEqual([]);
  });

  it('beside a running broker: all is well, and nothing is touched', async () => {
    await start();
    const before = await snapshot(patient.parent);
    const { code, out, err } = await doctor({ BROKER_OPERATOR_TOKEN: operatorToken });
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/\n12 ok, 0 warn, 0 fail\n$/);
    expect(out).toContain(`${patient.port} on 127.0.0.1 is held by this broker, which is ready`);
    expect(out).toContain('set, and the running broker knows it');
    expect(out).toContain(`${join(patient.data, 'master.key')} opens the store’s keys`);
    expect(out).not.toContain(operatorToken);
    expect(out).not.toContain(await readFile(join(patient.data, 'master.key'), 'utf8'));
    expect(await snapshot(patient.parent)).toEqual(before);
  });

  it('after a stop, and for a restored copy without lock file, leaves everything as it was', async () => {
    await startOnce();
    const stopped = await snapshot(patient.parent);
    expect(await finding('store')).toMatch(/^ok: .*broker\.mdb opens/);
    expect(await snapshot(patient.parent)).toEqual(stopped);
    await rm(join(patient.data, 'broker.mdb-lock'));
    const restored = await snapshot(patient.parent);
    expect(await finding('master key')).toMatch(/^ok: .*opens the store’s keys/);
    expect(await snapshot(patient.parent)).toEqual(restored);
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
    await cli(['init'], { env: patient.env });
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
    await cli(['init'], { env: patient.env });
    if (token !== undefined) await writeFile(join(patient.data, 'operator.token'), token);
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
