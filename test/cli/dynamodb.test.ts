import { randomUUID } from 'node:crypto';
import { access, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { CreateTableCommand, DeleteTableCommand, UpdateTableCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { runCli } from '../../src/cli/index.ts';
import { createBroker } from '../../src/main.ts';
import { describeTable } from '../../src/storage/dynamodb/table.ts';
import { dynamoDbEndpoint } from '../support/dynamodb.ts';
import { testClient, testRegion } from '../support/dynamodb-table.ts';

const secrets = {
  BROKER_MASTER_KEY: Buffer.alloc(32, 7).toString('base64'),
  BROKER_OPERATOR_TOKEN: 'a-long-operator-token-of-32-chars',
};

interface Check {
  readonly name: string;
}

/** What `doctor --json` says under a name. */
function checkOf(report: string, wanted: string): readonly Check[] {
  const { checks } = JSON.parse(report) as { readonly checks: readonly Check[] };
  return checks.filter(({ name }) => name === wanted);
}

describe.skipIf(dynamoDbEndpoint === undefined)('the command on dynamodb', () => {
  const endpoint = dynamoDbEndpoint ?? '';
  let directory: string;
  let table: string;
  let onceWritten: (text: string) => void;
  beforeEach(async () => {
    onceWritten = () => undefined;
    directory = await mkdtemp(join(tmpdir(), 'broker-cli-'));
    table = `broker-test-${randomUUID()}`;
    // The AWS SDK looks for credentials in the process's own environment.
    vi.stubEnv('AWS_ACCESS_KEY_ID', process.env['AWS_ACCESS_KEY_ID'] ?? 'local');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', process.env['AWS_SECRET_ACCESS_KEY'] ?? 'local');
    vi.stubEnv('AWS_CONFIG_FILE', join(directory, 'none'));
    vi.stubEnv('AWS_SHARED_CREDENTIALS_FILE', join(directory, 'none'));
    vi.stubEnv('AWS_EC2_METADATA_DISABLED', 'true');
  });
  afterEach(async () => {
    vi.unstubAllEnvs();
    const client = testClient(endpoint);
    await client
      .send(new UpdateTableCommand({ TableName: table, DeletionProtectionEnabled: false }))
      .catch(() => undefined);
    await client.send(new DeleteTableCommand({ TableName: table })).catch(() => undefined);
    client.destroy();
    await rm(directory, { recursive: true, force: true });
  });

  async function run(command: string, env: Readonly<Record<string, string | undefined>> = {}) {
    const written = { stdout: '', stderr: '' };
    const sink = (name: keyof typeof written) =>
      new Writable({
        write: (chunk: Buffer, _, done) => {
          written[name] += chunk.toString();
          onceWritten(written[name]);
          done();
        },
      });
    const code = await runCli(['node', 'a2a-broker', ...command.split(' ')], {
      createBroker,
      env: {
        BROKER_STORE: 'dynamodb',
        BROKER_DATA_DIR: join(directory, 'data'),
        DYNAMODB_TABLE: table,
        DYNAMODB_ENDPOINT: endpoint,
        AWS_REGION: testRegion,
        PORT: '0',
        ...env,
      },
      stdout: sink('stdout'),
      stderr: sink('stderr'),
    });
    return { code, ...written };
  }
  const facts = () => describeTable(testClient(endpoint), table);
  const isThere = (path: string) =>
    access(path).then(
      () => true,
      () => false,
    );

  it('init makes the table, says what it does, and leaves nothing on this machine', async () => {
    const { code, stdout, stderr } = await run('init');
    expect(code).toBe(0);
    expect(stderr).toContain(`creating ${table}`);
    expect(stdout).toContain(`DynamoDB table  ${table} in ${testRegion} (made)`);
    expect(stdout).toContain('export BROKER_MASTER_KEY=');
    expect(await facts()).toMatchObject({ status: 'ACTIVE', ttl: 'expiresAt', deletionProtection: true });
    expect(await isThere(join(directory, 'data'))).toBe(false);
  });

  it('init again changes nothing, and tells programs so', async () => {
    await run('init --no-protect', secrets);
    expect((await facts())?.deletionProtection).toBe(false);
    const { code, stdout } = await run('init --no-protect --json', secrets);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      store: 'dynamodb',
      table,
      status: 'kept',
      changed: [],
      warnings: [`deletion protection is off: one call can delete ${table}`],
      next: ['a2a-broker doctor', 'a2a-broker serve', expect.any(String) as string],
    });
  });

  it('init says what differs in a table of somebody else', async () => {
    await testClient(endpoint).send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      }),
    );
    const { code, stderr } = await run('init');
    expect(code).toBe(78);
    expect(stderr).toContain(`the key of ${table} is (id HASH S) and has to be (pk HASH S, sk RANGE S)`);
  });

  it('serve says in one sentence that the table is missing', async () => {
    const { code, stderr } = await run('serve', secrets);
    expect(code).toBe(78);
    expect(stderr).toBe(`error There is no DynamoDB table ${table} here: make it with a2a-broker init.\n`);
  });

  it('serve says in one sentence that the table is another’s', async () => {
    await testClient(endpoint).send(
      new CreateTableCommand({
        TableName: table,
        BillingMode: 'PAY_PER_REQUEST',
        KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
        AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      }),
    );
    const { code, stderr } = await run('serve', secrets);
    expect(code).toBe(78);
    expect(stderr).toMatch(/^error The DynamoDB table cannot be used: .*\n$/);
  });

  it.each(['init', 'serve'])('%s says in one sentence that credentials are missing', async (command) => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', '');
    const { code, stderr } = await run(command, secrets);
    expect(code).toBe(78);
    expect(stderr).toMatch(/^error No AWS credentials were found: .*\n$/);
  });

  it.each(['', undefined])('says in one sentence that the region is missing (%j)', async (region) => {
    vi.stubEnv('AWS_REGION', region);
    const { code, stderr } = await run('init', { AWS_REGION: undefined });
    expect(code).toBe(78);
    expect(stderr).toMatch(/^error AWS_REGION must be set.*\n$/);
  });

  it('an endpoint that does not answer is no matter of configuration: a start may be tried again', async () => {
    const { code, stderr } = await run('serve', { ...secrets, DYNAMODB_ENDPOINT: 'http://127.0.0.1:1' });
    expect(code).toBe(1);
    expect(stderr).toContain('DynamoDB does not answer at http://127.0.0.1:1.');
  });

  it('serve takes no operator token from a file of this machine', async () => {
    await writeFile(join(directory, 'operator.token'), secrets.BROKER_OPERATOR_TOKEN);
    const { code, stderr } = await run('serve', {
      BROKER_MASTER_KEY: secrets.BROKER_MASTER_KEY,
      BROKER_DATA_DIR: directory,
    });
    expect(code).toBe(78);
    expect(stderr).toBe('error BROKER_OPERATOR_TOKEN must be set when BROKER_STORE is dynamodb.\n');
  });

  it('doctor says that the table is missing, and how to make it', async () => {
    const { code, stdout } = await run('doctor --json', secrets);
    expect(code).toBe(1);
    expect(checkOf(stdout, 'store')).toEqual([
      {
        name: 'store',
        status: 'fail',
        message: `there is no DynamoDB table ${table} here`,
        advice: ['Make it: a2a-broker init'],
      },
    ]);
  });

  it('doctor tells what the table lacks, and looks into it', async () => {
    await run('init --no-protect', secrets);
    const { stdout } = await run('doctor --json', { ...secrets, BROKER_DATA_DIR: '/proc/nowhere' });
    expect(checkOf(stdout, 'store')).toMatchObject([
      { status: 'ok', message: `the DynamoDB table ${table} is ACTIVE` },
      { status: 'warn', message: `deletion protection is off: one call can delete ${table}` },
    ]);
    expect(checkOf(stdout, 'master key')).toMatchObject([{ status: 'ok' }]);
    expect(checkOf(stdout, 'clock')).toMatchObject([{ status: 'ok' }]);
    // What is of one machine does not matter here.
    expect(checkOf(stdout, 'data directory')).toEqual([]);
  });

  it('doctor says in one sentence that credentials are missing', async () => {
    vi.stubEnv('AWS_ACCESS_KEY_ID', '');
    vi.stubEnv('AWS_SECRET_ACCESS_KEY', '');
    const { stdout } = await run('doctor --json', secrets);
    expect(checkOf(stdout, 'store')).toMatchObject([
      { status: 'fail', message: expect.stringMatching(/^No AWS credentials/) as string },
    ]);
  });

  it('serve runs on the table, and tells where the data is', async () => {
    await run('init --no-protect', secrets);
    onceWritten = (text) => {
      if (!text.includes('Ctrl-C stops it.')) return;
      onceWritten = () => undefined;
      process.emit('SIGTERM', 'SIGTERM');
    };
    const { code, stderr } = await run('serve', { ...secrets, LOG_LEVEL: 'silent' });
    expect(code).toBe(0);
    expect(stderr).toContain(`data            DynamoDB table ${table}`);
  });
});
