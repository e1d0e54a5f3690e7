import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { say } from '../support/a2a.ts';
import { rawHttp, statusesOf } from './raw-http.ts';
import { addProgram, openStage, type Stage } from './stage.ts';
import { exchange, managementToken, tokenOf } from './token-endpoint.ts';

let stage: Stage;
let token: string;
let callToken: string;
beforeAll(async () => {
  stage = await openStage();
  const manager = await addProgram(stage, {
    id: 'manager',
    owner: 'provider:skyways',
    scopes: ['registry:read'],
  });
  token = await managementToken(stage, manager);
  callToken = tokenOf(await exchange(stage, stage.acme));
});
afterAll(() => stage.close());

const rpc = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') });

function gatewayRequest(extra: string, body = rpc): string {
  return (
    `POST /a2a/skyways/flights/jsonrpc HTTP/1.1\r\nHost: broker\r\nAuthorization: Bearer ${callToken}\r\n` +
    `Content-Type: application/json\r\nA2A-Version: 1.0\r\n${extra}\r\n${body}`
  );
}

describe('requests that two servers would cut in different places are refused', () => {
  const hidden = 'GET /v1/providers HTTP/1.1\r\nHost: broker\r\nConnection: close\r\n\r\n';
  it.each([
    ['both lengths', 'Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['both lengths, the other way round', 'Transfer-Encoding: chunked\r\nContent-Length: 4\r\n', '0\r\n\r\n'],
    ['two lengths', 'Content-Length: 0\r\nContent-Length: 60\r\n', ''],
    ['two lengths in one', 'Content-Length: 0, 60\r\n', ''],
    ['a negative length', 'Content-Length: -1\r\n', ''],
    ['a length with a sign', 'Content-Length: +5\r\n', 'hello'],
    ['a hexadecimal length', 'Content-Length: 0x5\r\n', 'hello'],
    ['another encoding', 'Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'],
    ['chunked twice', 'Transfer-Encoding: chunked, chunked\r\n', '0\r\n\r\n'],
    ['chunked and then another', 'Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'],
    ['chunked behind a tab', 'Transfer-Encoding:\tchunked\r\nContent-Length: 5\r\n', '0\r\n\r\n'],
    ['a space before the colon', 'Transfer-Encoding : chunked\r\n', '0\r\n\r\n'],
    ['a folded header', 'Transfer-Encoding:\r\n chunked\r\n', '0\r\n\r\n'],
    ['a chunk size with junk', 'Transfer-Encoding: chunked\r\n', '0x0\r\n\r\n'],
    ['a line end in CR alone', 'X-A: b\rTransfer-Encoding: chunked\r\n', '0\r\n\r\n'],
    ['NUL in a header', 'X-A: \0\r\nContent-Length: 0\r\n', ''],
  ])('%s', async (_, headers, body) => {
    const calls = stage.agent.calls.length;
    for (const request of [
      gatewayRequest(headers, body),
      `POST /oauth/token HTTP/1.1\r\nHost: broker\r\n${headers}\r\n${body}`,
      `POST /v1/providers HTTP/1.1\r\nHost: broker\r\n${headers}\r\n${body}`,
    ]) {
      const got = await rawHttp(stage.url, request + hidden);
      // Nothing of what follows is taken for a request of its own.
      expect(statusesOf(got)).toEqual([400]);
    }
    expect(stage.agent.calls.length).toBe(calls);
  });

  it.each([
    ['CONNECT', 'CONNECT 127.0.0.1:80 HTTP/1.1\r\nHost: broker\r\n\r\n'],
    ['no Host', 'GET /v1/providers HTTP/1.1\r\n\r\n'],
    ['a Host that is none', 'GET /v1/providers HTTP/1.1\r\nHost: a b/../c\r\nConnection: close\r\n\r\n'],
    ['another protocol', 'GET /v1/providers FTP/1.1\r\nHost: broker\r\n\r\n'],
    ['no HTTP at all', '\x16\x03\x01\x02\x00\x01\x00'],
    [
      'headers of 40 KB',
      `GET /healthz HTTP/1.1\r\nHost: broker\r\nConnection: close\r\nX-A: ${'a'.repeat(40_000)}\r\n\r\n`,
    ],
    [
      'a token of 64 KB',
      `GET /v1/providers HTTP/1.1\r\nHost: broker\r\nAuthorization: Bearer ${'a'.repeat(65_536)}\r\n\r\n`,
    ],
    ['a path of 40 KB', `GET /${'a'.repeat(40_000)} HTTP/1.1\r\nHost: broker\r\n\r\n`],
  ])('%s', async (_, request) => {
    const statuses = statusesOf(await rawHttp(stage.url, request));
    expect(statuses.every((status) => status >= 400 && status < 500)).toBe(true);
    expect((await fetch(`${stage.url}/healthz`)).status).toBe(200);
  });
});

describe('a path is one path', () => {
  it.each([
    '/%761/providers',
    '/v1/%70roviders',
    '/v1/./providers',
    '/x/../v1/providers',
    '/v1/providers/../providers',
    'http://broker/v1/providers',
  ])('%s asks for the operator like the plain one', async (path) => {
    const got = (authorization: string) =>
      rawHttp(stage.url, `GET ${path} HTTP/1.1\r\nHost: broker\r\n${authorization}Connection: close\r\n\r\n`);
    expect(statusesOf(await got(''))).toEqual([401]);
    expect(statusesOf(await got(`Authorization: Bearer ${token}\r\n`))).toEqual([403]);
  });

  it.each([
    '//v1/providers',
    '/v1//providers',
    '/V1/providers',
    '/v1/providers/',
    '/v1/providers;a=b',
    '/v1%2Fproviders',
    '/v1\\providers',
  ])('%s is nothing, or asks as well', async (path) => {
    const got = await rawHttp(stage.url, `GET ${path} HTTP/1.1\r\nHost: broker\r\nConnection: close\r\n\r\n`);
    expect([400, 401, 404]).toContain(statusesOf(got)[0]);
    expect(got).not.toContain('"items"');
  });

  it.each([
    '/a2a/skyways/%66lights/jsonrpc',
    '/a2a/skyways/flights/jsonrpc/',
    '/a2a/skyways/flights/%6asonrpc',
    '/a2a/./skyways/flights/jsonrpc',
    '/a2a/skyways//flights/jsonrpc',
    'http://broker/a2a/skyways/flights/jsonrpc',
  ])('%s does not get to an agent around the gateway', async (path) => {
    const calls = stage.agent.calls.length;
    const request = gatewayRequest(`Content-Length: ${rpc.length}\r\nConnection: close\r\n`).replace(
      '/a2a/skyways/flights/jsonrpc',
      path,
    );
    const [status] = statusesOf(await rawHttp(stage.url, request));
    expect([404, 405]).toContain(status);
    expect(stage.agent.calls.length).toBe(calls);
  });
});
