import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { answer, task } from '../support/agent.ts';
import { rawHttp } from './raw-http.ts';
import { addProgram, openStage, type Program, type Stage } from './stage.ts';
import { exchange, managementToken, postForm, tokenOf } from './token-endpoint.ts';

let stage: Stage;
let manager: Program;
let token: string;
let callToken: string;
beforeAll(async () => {
  stage = await openStage();
  manager = await addProgram(stage, { id: 'manager', owner: 'provider:skyways', scopes: ['registry:read'] });
  token = await managementToken(stage, manager);
  callToken = tokenOf(await exchange(stage, stage.acme));
});
afterAll(() => stage.close());

const rpc = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') });

/** Headers with which proxies vouch for callers; anybody can write them. */
const vouching: readonly Readonly<Record<string, string>>[] = [
  { 'x-forwarded-user': 'operator', 'x-remote-user': 'operator' },
  { 'x-client-cert': 'MIIB', 'x-ssl-client-verify': 'SUCCESS', 'x-ssl-client-s-dn': 'CN=skyways-ops' },
  { 'x-forwarded-client-cert': 'By=spiffe://a;Subject="CN=operator"' },
  { 'client-cert': ':MIIB:', 'client-cert-chain': ':MIIB:' },
  { 'x-amzn-mtls-clientcert-subject': 'CN=operator', 'x-arr-clientcert': 'MIIB' },
  { 'x-forwarded-for': '127.0.0.1', 'x-real-ip': '127.0.0.1', forwarded: 'for=127.0.0.1' },
  { 'x-original-url': '/v1/providers', 'x-rewrite-url': '/v1/providers' },
  { 'x-http-method-override': 'GET', 'x-http-method': 'GET', 'x-method-override': 'GET' },
  { cookie: 'operator=1; token=1', 'x-api-key': 'operator-token-of-a-test-broker' },
];

describe('what a proxy would say of a caller is not believed from anybody', () => {
  it.each(vouching.map((headers) => [Object.keys(headers).join(', '), headers] as const))(
    '%s',
    async (_, headers) => {
      const open = await fetch(`${stage.url}/v1/providers`, { headers });
      expect(open.status).toBe(401);
      const limited = await fetch(`${stage.url}/v1/providers`, {
        headers: { ...headers, authorization: `Bearer ${token}` },
      });
      expect(limited.status).toBe(403);
      const form = await postForm(stage.url, 'grant_type=client_credentials&client_id=manager', headers);
      expect([form.status, form.body.error]).toEqual([401, 'invalid_client']);
      const gateway = await fetch(`${stage.url}/a2a/skyways/flights/jsonrpc`, {
        method: 'POST',
        headers: { ...headers, 'content-type': 'application/json', 'a2a-version': '1.0' },
        body: rpc,
      });
      expect(gateway.status).toBe(401);
    },
  );

  it('nor where the broker is: Host and X-Forwarded-* change no address that it tells', async () => {
    const forged =
      'Host: evil.example\r\nX-Forwarded-Host: evil.example\r\nX-Forwarded-Proto: gopher\r\nForwarded: host=evil.example';
    for (const path of [
      '/.well-known/oauth-authorization-server',
      '/.well-known/openid-configuration',
      '/.well-known/oauth-protected-resource/a2a/skyways/flights',
      '/a2a/skyways/flights/.well-known/agent-card.json',
      '/openapi.json',
      '/v1/providers',
      '/',
    ])
      expect(
        await rawHttp(stage.url, `GET ${path} HTTP/1.1\r\n${forged}\r\nConnection: close\r\n\r\n`),
      ).not.toContain('evil');
    const refused = await rawHttp(
      stage.url,
      `POST /a2a/skyways/flights/jsonrpc HTTP/1.1\r\n${forged}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
    expect(refused).toContain(`resource_metadata="${stage.url}/`);
    expect(refused).not.toContain('evil');
  });
});

describe('what goes on to the agent', () => {
  it('holds nothing that the caller said of itself, and none of its credentials', async () => {
    stage.agent.on((received) => answer(received, { task: task('clean') }));
    const line = await openLine(stage.market, stage.acme, callToken);
    await line.call('SendMessage', say('hi'), {
      headers: Object.assign({ 'x-anything': 'mine', te: 'trailers' }, ...vouching) as Record<string, string>,
    });
    const sent = stage.agent.calls.at(-1)?.headers ?? {};
    expect(Object.keys(sent).toSorted()).toEqual([
      'a2a-version',
      'accept',
      'authorization',
      'connection',
      'content-length',
      'content-type',
      'host',
      'user-agent',
      'x-request-id',
    ]);
    expect(JSON.stringify(stage.agent.calls.at(-1)?.headers)).not.toContain(callToken);
  });

  it('and what comes back holds nothing that the agent says of the broker', async () => {
    stage.agent.on((received) => {
      for (const [name, value] of Object.entries({
        'set-cookie': 'session=evil',
        'www-authenticate': 'Basic realm="evil"',
        location: 'https://evil.example',
        'access-control-allow-origin': '*',
        'content-security-policy': 'evil',
        server: 'evil',
        refresh: '0; url=https://evil.example',
        'a2a-extensions': Buffer.from('https://ext.example/é').toString('latin1'),
      }))
        received.response.setHeader(name, value);
      answer(received, { task: task('clean-2') });
    });
    const got = await (await openLine(stage.market, stage.acme, callToken)).call('SendMessage', say('hi'));
    expect(got.status).toBe(200);
    expect([...got.headers.keys()].toSorted()).toEqual([
      'cache-control',
      'connection',
      'content-length',
      'content-type',
      'date',
      'keep-alive',
      'x-request-id',
    ]);
  });

  it.each([401, 403, 407])(
    'an agent’s %i about our credential is never a challenge to the caller',
    async (status) => {
      stage.agent.on(({ response }) => {
        response
          .writeHead(status, { 'www-authenticate': 'Bearer realm="phish"' })
          .end('{"error":"give me your token"}');
      });
      const got = await (await openLine(stage.market, stage.acme, callToken)).call('SendMessage', say('hi'));
      expect([got.status, got.reason, got.headers.get('www-authenticate')]).toEqual([
        502,
        'UPSTREAM_REFUSED',
        null,
      ]);
      expect(got.text).not.toContain('give me');
    },
  );

  it.each([301, 302, 307, 308])(
    'an agent’s redirect (%i) is not followed and not passed on',
    async (status) => {
      stage.agent.on(({ response }) => {
        response.writeHead(status, { location: `${stage.url}/v1/providers` }).end();
      });
      const got = await (await openLine(stage.market, stage.acme, callToken)).call('SendMessage', say('hi'));
      expect([got.status, got.reason, got.headers.get('location')]).toEqual([
        502,
        'INVALID_AGENT_RESPONSE',
        null,
      ]);
    },
  );
});

describe('a request id', () => {
  it.each(['a\tb', 'x'.repeat(65), 'short', '"><script>', '${jndi:ldap://evil}', 'a,b,c,d,e,f,g'])(
    '%j that a caller chose is not taken',
    async (id) => {
      const response = await fetch(`${stage.url}/healthz`, { headers: { 'x-request-id': id } });
      expect(response.headers.get('x-request-id')).toMatch(/^req_/);
    },
  );
});
