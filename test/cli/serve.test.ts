import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { answer, type AgentCall, scriptedAgent, type ScriptedAgent } from '../support/agent.ts';
import { freePort, operatorToken } from '../support/broker-process.ts';
import { openMarket } from '../support/market.ts';
import { type CliProcess, spawnCli } from './process.ts';
import { cli } from './run.ts';

let directory: string;
let port: number;
let env: Record<string, string>;
let started: CliProcess | undefined;
let agent: ScriptedAgent | undefined;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-serve-'));
  port = await freePort();
  env = {
    BROKER_URL: `http://127.0.0.1:${port}`,
    PORT: String(port),
    BROKER_DATA_DIR: directory,
    BROKER_ALLOW_PRIVATE_NETWORK: 'true',
    LOG_LEVEL: 'trace',
  };
});
afterEach(async () => {
  started?.child.kill('SIGKILL');
  await started?.ended;
  await agent?.close();
  started = undefined;
  agent = undefined;
  await rm(directory, { recursive: true, force: true });
});

async function serve(args: readonly string[] = ['serve']): Promise<CliProcess> {
  started = spawnCli(args, env);
  if (!args.includes('--json')) await started.errMatches(/Ctrl-C stops it/);
  return started;
}

/** A broker with a call in the middle: the agent has it and has not answered yet. */
async function serveWithCall() {
  env['BROKER_OPERATOR_TOKEN'] = operatorToken;
  agent = await scriptedAgent();
  const received = new Promise<AgentCall>((resolve) => agent?.on(resolve));
  const broker = await serve();
  const market = await openMarket({ url: env['BROKER_URL'] ?? '', token: operatorToken }, agent.url);
  const line = await openLine(market, await market.addTenant('acme'));
  const answered = line.call('SendMessage', say('hello'));
  return { broker, answered, call: await received };
}

// Processes start slowly where much else runs.
const options = { timeout: 60_000 };

describe('serve', options, () => {
  it('tells where it is, once the token that it made, and nothing that nobody asked for', async () => {
    const first = await serve();
    expect(first.err()).toContain(`address         ${env['BROKER_URL']} (listening on 127.0.0.1:${port})`);
    const [token = ''] = /op_[\w-]{43}/.exec(first.err()) ?? [];
    const asOperator = { headers: { authorization: `Bearer ${token}` } };
    expect((await fetch(`${env['BROKER_URL']}/v1/tenants`, asOperator)).status).toBe(200);
    expect(first.err()).not.toMatch(/warning/i);
    first.child.kill('SIGTERM');
    expect(await first.ended).toEqual({ code: 0, signal: null });

    const second = await serve();
    expect(second.err()).not.toContain('op_');
    expect((await fetch(`${env['BROKER_URL']}/v1/tenants`, asOperator)).status).toBe(200);
  });

  it('with --json: the same in the first line of standard output', async () => {
    const broker = await serve(['serve', '--json']);
    const [line] = (await once(broker.lines, 'line')) as [string];
    expect(JSON.parse(line)).toEqual({
      url: env['BROKER_URL'],
      host: '127.0.0.1',
      port,
      docs: `${env['BROKER_URL']}/docs`,
      dataDir: directory,
      operatorToken: expect.stringMatching(/^op_/) as string,
    });
    expect((await fetch(`${env['BROKER_URL']}/readyz`)).status).toBe(200);
    expect(broker.err()).toBe('');
  });

  it('takes what init made, and does not show it', async () => {
    expect(await cli(['init'], { env })).toMatchObject({ code: 0 });
    const broker = await serve();
    expect(broker.err()).not.toContain('op_');
    expect(await cli(['tenants', 'list'], { env })).toMatchObject({ code: 0 });
  });

  it('warns when its address names another port than it listens on', async () => {
    env['PORT'] = String(await freePort());
    expect((await serve()).err()).toContain(
      `BROKER_URL names port ${port}, but the broker listens on ${env['PORT']}`,
    );
  });
});

describe('a signal', options, () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    '%s lets a running call end, refuses new ones, and ends with 0',
    async (signal) => {
      const { broker, answered, call } = await serveWithCall();
      broker.child.kill(signal);
      await broker.errMatches(/running calls may end/);
      await expect(fetch(`${env['BROKER_URL']}/healthz`)).rejects.toThrow(/fetch failed/);
      answer(call, { message: { messageId: 'late', role: 'ROLE_AGENT', parts: [] } });
      expect((await answered).body.result).toMatchObject({ message: { messageId: 'late' } });
      expect(await broker.ended).toEqual({ code: 0, signal: null });
    },
  );

  it('a second one stops at once, as shells expect it', async () => {
    const { broker, answered } = await serveWithCall();
    const cut = answered.then(
      () => 'answered',
      () => 'cut',
    );
    broker.child.kill('SIGTERM');
    await broker.errMatches(/running calls may end/);
    broker.child.kill('SIGTERM');
    expect(await broker.ended).toEqual({ code: 143, signal: null });
    expect(await cut).toBe('cut');
  });
});
