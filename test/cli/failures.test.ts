import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { freePort } from '../support/broker-process.ts';
import { words } from './commands.ts';
import { cli, operatorCli } from './run.ts';

let broker: RunningBroker;
const closers: (() => Promise<void>)[] = [];
beforeAll(async () => {
  broker = await runBroker();
});
afterAll(() => broker.close());
afterEach(async () => {
  for (const close of closers.splice(0)) await close();
});

const run = (line: string, env = {}) => operatorCli(broker)(words(line), { env });

/** A server that does what a broker does not do on demand. */
async function faulty(handle: RequestListener): Promise<string> {
  const server = createServer(handle);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  closers.push(
    () =>
      new Promise((resolve) => {
        server.closeAllConnections();
        server.close(() => resolve());
      }),
  );
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

describe('a wrong command line ends with 2, before anything is sent', () => {
  it.each([
    ['agnets list', /unknown command 'agnets' \(Did you mean agents\?\)/],
    ['agents serch', /unknown command 'serch' \(Did you mean search\?\)/],
    ['tenants list --limt 3', /unknown option '--limt' \(Did you mean --limit\?\)/],
    ['tenants list --limit many', /--limit.*A whole number was expected/],
    ['tenants show', /missing required argument 'tenant'/],
    ['tenants show a b', /too many arguments/],
    ['tenants suspend acme', /required option '--reason <text>'/],
    ['agents show skyways', /provider\/agent, such as skyways\/flights/],
    ['agents show a/b/c', /provider\/agent/],
    ['issuers list acme', /tenant:id or provider:id/],
    ['plans create --key a --price calls', /name=value was expected/],
    ['tenants create', /Say what to write/],
    ['tenants show ..', /"\.\." is no id/],
    ['tenants list --broker broker.example.com', /--broker must be an address/],
    ['tenants list --broker https://broker.example.com/v1', /without a path/],
    ['help agents regster', /no command "agents regster"/],
  ])('%s', async (line, message) => {
    const { code, out, err } = await run(line, { BROKER_URL: `http://127.0.0.1:${await freePort()}` });
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: '' });
  });

  it('also with BROKER_URL as the wrong part', async () => {
    expect(await run('tenants list', { BROKER_URL: 'localhost:8080' })).toMatchObject({
      code: 2,
      err: expect.stringContaining('BROKER_URL must be an address') as string,
    });
  });
});

describe('a refusal ends with 3 and says why', () => {
  it.each([
    ['400', 'tenants create --name A --tier B', /^error .*\(400 invalid_request\)\n {6}\/tier: must be/],
    ['404', 'tenants show nobody', /^error There is no .*\(404 not_found\)\n {6}request id: req_/],
    ['409', 'providers create --id same --name Same', /\(409 /],
    ['401', 'providers create --id x --name X --token-file -', /\(401 unauthorized\)/],
  ])('%s', async (_, line, message) => {
    await run('providers create --id same --name Same');
    const outcome = await operatorCli(broker)(words(line), { stdin: 'not-a-token-of-this-broker' });
    expect(outcome.err).toMatch(message);
    expect(outcome).toMatchObject({ code: 3, out: '' });
  });

  it('401 without a token: how to give one', async () => {
    const { code, err } = await cli(['tenants', 'list'], { env: { BROKER_URL: broker.url } });
    expect({ code, err }).toMatchObject({
      code: 3,
      err: expect.stringContaining('No token was sent: set BROKER_OPERATOR_TOKEN') as string,
    });
  });

  it('401 with another token: that it is not this broker’s, and not what it was', async () => {
    const secret = 'operator-token-of-another-broker';
    const { code, err } = await run('tenants list', { BROKER_OPERATOR_TOKEN: secret });
    expect({ code, err }).toMatchObject({
      code: 3,
      err: expect.stringContaining('not this broker’s') as string,
    });
    expect(err).not.toContain(secret);
  });

  it('as JSON on standard error, with the broker’s own problem', async () => {
    const { code, out, err } = await run('tenants show nobody --json');
    expect({ code, out }).toEqual({ code: 3, out: '' });
    expect(JSON.parse(err)).toMatchObject({
      error: {
        reason: 'refused',
        exitCode: 3,
        message: expect.stringMatching(/404 not_found/) as string,
        problem: { status: 404, code: 'not_found', requestId: expect.stringMatching(/^req_/) as string },
      },
    });
  });
});

describe('no answer ends with 4', () => {
  it('when nothing listens', async () => {
    const url = `http://127.0.0.1:${await freePort()}`;
    const { code, err } = await run('tenants list', { BROKER_URL: url });
    expect(code).toBe(4);
    expect(err).toBe(
      `error There is no answer from ${url}: nothing listens there.\n` +
        '      Is the broker running there? Start it with `a2a-broker serve`, or name another with --broker or BROKER_URL.\n',
    );
  });

  it('when the connection is cut', async () => {
    const url = await faulty((request) => request.socket.destroy());
    expect(await run('tenants list', { BROKER_URL: url })).toMatchObject({
      code: 4,
      err: expect.stringMatching(/no answer from .*: the connection/) as string,
    });
  });

  it('as JSON too', async () => {
    const { err } = await run('tenants list --json', { BROKER_URL: `http://127.0.0.1:${await freePort()}` });
    expect(JSON.parse(err)).toMatchObject({ error: { reason: 'unreachable', exitCode: 4 } });
  });
});

describe('an answer that is no broker’s, or a broker’s own error, ends with 1', () => {
  const problem = (status: number) =>
    JSON.stringify({
      type: 'about:blank',
      title: 'Broken',
      status,
      detail: 'It broke.',
      code: 'internal',
      requestId: 'req_1',
    });

  it.each<[string, RequestListener, RegExp]>([
    [
      'a 500 problem',
      (_, response) =>
        response.writeHead(500, { 'content-type': 'application/problem+json' }).end(problem(500)),
      /^error It broke\. \(500 internal\)\n {6}request id: req_1\n$/,
    ],
    [
      'a 502 page',
      (_, response) => response.writeHead(502).end('<h1>Bad Gateway</h1>'),
      /502 without saying why/,
    ],
    ['a page', (_, response) => response.end('<h1>Welcome</h1>'), /without JSON: is it the broker\?/],
    ['nothing', (_, response) => response.writeHead(204).end(), /204 without JSON/],
  ])('%s', async (_, handle, message) => {
    const outcome = await run('tenants list', { BROKER_URL: await faulty(handle) });
    expect(outcome.err).toMatch(message);
    expect(outcome).toMatchObject({ code: 1, out: '' });
  });

  it('a redirect, which the token does not follow', async () => {
    const followed: string[] = [];
    const elsewhere = await faulty((request, response) => {
      followed.push(request.headers.authorization ?? '');
      response.end('{}');
    });
    const url = await faulty((_, response) => response.writeHead(307, { location: elsewhere }).end());
    expect(await run('tenants list', { BROKER_URL: url })).toMatchObject({ code: 1 });
    expect(followed).toEqual([]);
  });

  it('a list that has no end', async () => {
    const url = await faulty((_, response) => response.end('{"items":[],"nextCursor":"again"}'));
    expect(await run('tenants list --all', { BROKER_URL: url })).toMatchObject({
      code: 1,
      err: expect.stringContaining('the same page twice') as string,
    });
  });

  it.each(['tenants list', 'tenants list --all'])('a list that is none: %s', async (line) => {
    const url = await faulty((_, response) => response.end('{"error":"no"}'));
    expect(await run(line, { BROKER_URL: url })).toMatchObject({
      code: 1,
      out: '',
      err: expect.stringContaining('not a list') as string,
    });
  });
});
