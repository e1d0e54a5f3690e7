import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { ConfigError, loadConfig } from '../../src/config/index.ts';
import { loadMasterKey } from '../../src/config/master-key.ts';

const secrets = {
  BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  BROKER_OPERATOR_TOKEN: 'a-long-operator-token-of-32-chars',
};

describe('loadConfig', () => {
  it('starts on loopback with nothing set, and allows no private network', () => {
    const config = loadConfig({});
    expect(config).toMatchObject({
      BROKER_URL: 'http://localhost:8080',
      PORT: 8080,
      BROKER_ALLOW_PRIVATE_NETWORK: false,
    });
  });

  it.each([
    ['PORT', 'eighty'],
    ['PORT', '70000'],
    ['BROKER_URL', 'broker.example.com'],
    ['BROKER_URL', 'https://broker.example.com/'],
    ['BROKER_URL', 'https://broker.example.com/base'],
    ['BROKER_URL', 'ftp://broker.example.com'],
    ['BROKER_URL', 'https://user:pw@broker.example.com'],
    ['BROKER_STORE', 'sqlite'],
    ['DYNAMODB_TABLE', 'a/b'],
    ['DYNAMODB_TABLE', 'ab'],
    ['DYNAMODB_ENDPOINT', 'localhost:8000'],
    ['AWS_REGION', 'EU Central'],
    ['BROKER_ALLOW_PRIVATE_NETWORK', 'yes'],
    ['LOG_LEVEL', 'loud'],
    ['BROKER_EVENTS', 'kafka'],
    ['EVENTBRIDGE_BUS', 'a bus'],
    ['EVENTBRIDGE_ENDPOINT', 'localhost:4010'],
  ])('names %s when it is %j', (name, value) => {
    expect(() => loadConfig({ [name]: value })).toThrow(
      new RegExp(`^The configuration is not valid: .*${name}`),
    );
  });

  it('never repeats a secret in its complaint', () => {
    const wrong = 'hunter2-hunter2';
    const complaint = () => loadConfig({ BROKER_MASTER_KEY: wrong, BROKER_OPERATOR_TOKEN: wrong });
    expect(complaint).toThrow(ConfigError);
    expect(complaint).not.toThrow(new RegExp(wrong));
  });

  it.each([
    [{ BROKER_URL: 'http://broker.example.com', ...secrets }, /https/],
    [
      { BROKER_URL: 'https://broker.example.com', ...secrets, BROKER_MASTER_KEY: undefined },
      /BROKER_MASTER_KEY/,
    ],
    [
      { BROKER_URL: 'https://broker.example.com', ...secrets, BROKER_OPERATOR_TOKEN: '' },
      /BROKER_OPERATOR_TOKEN/,
    ],
  ])('demands secrets and https off loopback %#', (env, complaint) => {
    expect(() => loadConfig(env)).toThrow(complaint);
  });

  it('needs to know the event bus, and sends nothing unencrypted to one elsewhere, unless in development', () => {
    expect(loadConfig({}).BROKER_EVENTS).toBe('in-process');
    const wanted = { BROKER_EVENTS: 'eventbridge' };
    expect(() => loadConfig(wanted)).toThrow(
      'EVENTBRIDGE_BUS must be set when BROKER_EVENTS is eventbridge.',
    );
    const named = { ...wanted, EVENTBRIDGE_BUS: 'arn:aws:events:eu-central-1:1:event-bus/b' };
    expect(loadConfig(named).BROKER_EVENTS).toBe('eventbridge');
    const elsewhere = { ...named, ...secrets, EVENTBRIDGE_ENDPOINT: 'http://events:4010' };
    expect(loadConfig(elsewhere).EVENTBRIDGE_ENDPOINT).toBe('http://events:4010');
    expect(() => loadConfig({ ...elsewhere, BROKER_URL: 'https://broker.example.com' })).toThrow(
      /EVENTBRIDGE_ENDPOINT must use https/,
    );
  });

  it.each(['DYNAMODB_TABLE', 'BROKER_MASTER_KEY', 'BROKER_OPERATOR_TOKEN'])(
    'demands %s when the store is shared, also on loopback',
    (name) => {
      const shared = { BROKER_STORE: 'dynamodb', DYNAMODB_TABLE: 'broker', ...secrets };
      expect(loadConfig(shared).BROKER_STORE).toBe('dynamodb');
      expect(() => loadConfig({ ...shared, [name]: undefined })).toThrow(
        new ConfigError(`${name} must be set when BROKER_STORE is dynamodb.`),
      );
    },
  );

  it('sends nothing unencrypted to a DynamoDB elsewhere, unless in development', () => {
    const shared = {
      BROKER_STORE: 'dynamodb',
      DYNAMODB_TABLE: 'broker',
      DYNAMODB_ENDPOINT: 'http://dynamodb:8000',
      ...secrets,
    };
    expect(loadConfig(shared).DYNAMODB_ENDPOINT).toBe('http://dynamodb:8000');
    expect(() => loadConfig({ ...shared, BROKER_URL: 'https://broker.example.com' })).toThrow(
      /DYNAMODB_ENDPOINT must use https/,
    );
  });

  it('takes a complete production configuration', () => {
    expect(loadConfig({ BROKER_URL: 'https://broker.example.com', ...secrets }).BROKER_URL).toBe(
      'https://broker.example.com',
    );
  });
});

describe('loadMasterKey', () => {
  let directory: string;
  beforeEach(async () => {
    directory = await mkdtemp(join(tmpdir(), 'broker-key-'));
  });
  afterEach(() => rm(directory, { recursive: true, force: true }));

  const load = () => loadMasterKey({ BROKER_MASTER_KEY: undefined, BROKER_DATA_DIR: directory });

  it('makes one key, whoever asks how often, that only its owner can read', async () => {
    const keys = await Promise.all([load(), load(), load()]);
    expect(new Set(keys.map((key) => Buffer.from(key).toString('hex'))).size).toBe(1);
    expect((await stat(join(directory, 'master.key'))).mode & 0o077).toBe(0);
  });

  it('refuses a damaged file instead of replacing it', async () => {
    await writeFile(join(directory, 'master.key'), 'short');
    await expect(load()).rejects.toThrow(ConfigError);
    expect(await readFile(join(directory, 'master.key'), 'utf8')).toBe('short');
  });
});
