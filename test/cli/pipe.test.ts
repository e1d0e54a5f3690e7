import { spawn } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { brokerProgram } from '../support/program.ts';

let broker: RunningBroker;
beforeAll(async () => {
  broker = await runBroker();
});
afterAll(() => broker.close());

/** The command in a real pipe, whose reader goes away after a line. */
function pipe(line: string): Promise<{ readonly out: string; readonly err: string; readonly codes: string }> {
  const command = `"$NODE" ${brokerProgram().join(' ')} ${line} | head -n 1; echo "\${PIPESTATUS[0]}" >&3`;
  const child = spawn('bash', ['-c', command], {
    env: {
      PATH: process.env['PATH'],
      NODE: process.execPath,
      BROKER_URL: broker.url,
      BROKER_OPERATOR_TOKEN: broker.token,
    },
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  });
  const read = (index: 1 | 2 | 3) =>
    new Promise<string>((resolve) => {
      let text = '';
      const stream = child.stdio[index];
      stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
      stream?.on('end', () => resolve(text));
    });
  return Promise.all([read(1), read(2), read(3)]).then(([out, err, codes]) => ({ out, err, codes }));
}

describe('a reader that has enough', { timeout: 60_000 }, () => {
  it.each(['openapi', '--help'])('ends a command quietly: %s', async (line) => {
    const { out, err, codes } = await pipe(line);
    expect(out).not.toBe('');
    expect({ err, codes }).toEqual({ err: '', codes: '0\n' });
  });

  it('ends it quietly also when it never read, and when nobody reads errors', async () => {
    expect(await pipe('openapi | true')).toMatchObject({ err: '', codes: '0\n' });
    expect(await pipe('tenants show nobody 2> >(true)')).toMatchObject({ err: '', codes: '3\n' });
  });
});
