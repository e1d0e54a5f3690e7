import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { answer } from '../support/agent.ts';
import { call } from '../support/market.ts';
import { newParty } from '../support/party.ts';
import { latestAudit } from './audit.ts';
import { addCompany, addProgram, openStage, type Program, type Stage } from './stage.ts';
import { claimsOf, exchange, refusal, tokenOf } from './token-endpoint.ts';

/** A provider's authorization server that means harm, or is meant harm. */
interface Server {
  readonly issuer: string;
  readonly asked: { readonly path: string; readonly body: string }[];
  on(handler: (path: string, response: ServerResponse) => void): void;
  close(): Promise<void>;
}

async function startServer(): Promise<Server> {
  const asked: Server['asked'] = [];
  let handler: (path: string, response: ServerResponse) => void = () => undefined;
  const server = createServer((request: IncomingMessage, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const path = request.url ?? '';
      asked.push({ path, body: Buffer.concat(chunks).toString() });
      handler(path, response);
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  return {
    issuer: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    on: (next) => void (handler = next),
    close: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

const json = (response: ServerResponse, body: unknown) =>
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));

let stage: Stage;
let server: Server;
let desk: Program;
const flights = '/v1/agents/skyways/flights/deployments/default';

beforeAll(async () => {
  stage = await openStage();
  server = stage.adopt(await startServer());
  const jwks = (await newParty()).jwks;
  await call(stage, 'POST', '/v1/providers/skyways/issuers', { issuer: server.issuer, jwks });
  desk = await addProgram(stage, {
    id: 'acme-desk',
    owner: 'tenant:acme',
    issuerClientIds: { [stage.acme.issuer]: 'app', [server.issuer]: 'acme-there' },
  });
});
afterAll(() => stage.close());

/** It answers as it should, but for what a test changes. */
function answerWell(changes: Readonly<Record<string, (response: ServerResponse) => void>> = {}): void {
  server.on((path, response) => {
    const change = changes[path];
    if (change !== undefined) change(response);
    else if (path === '/token') json(response, { access_token: 'theirs', token_type: 'Bearer' });
    else json(response, { issuer: server.issuer, token_endpoint: `${server.issuer}/token` });
  });
}
const direct = (resource: string) =>
  exchange(stage, { ...stage.acme, ...desk }, { audience: undefined, resource });

describe('a provider that names somebody else’s authorization server', () => {
  it('gets no assertion of ours for it, neither for direct callers nor through the gateway', async () => {
    answerWell();
    const rival = await addCompany(stage, 'rival/flights', [stage.acme], { scopes: ['flights:admin'] });
    const asked = server.asked.length;
    const change = { authorizationServer: server.issuer };
    await call(stage, 'PATCH', '/v1/agents/rival/flights/deployments/default', change);
    expect(await refusal(stage, () => direct(rival.upstream.url))).toBe(
      '400 invalid_target authorization_server_not_providers',
    );
    const token = tokenOf(await exchange(stage, stage.acme, { audience: 'rival/flights' }));
    const response = await fetch(`${stage.url}/a2a/rival/flights/jsonrpc`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'a2a-version': '1.0',
        authorization: `Bearer ${token}`,
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') }),
    });
    expect([response.status, await response.text()]).toEqual([
      502,
      expect.stringContaining('UPSTREAM_REFUSED'),
    ]);
    expect(server.asked.length).toBe(asked);
    expect(rival.upstream.calls).toEqual([]);
  });

  it('cannot name the broker', async () => {
    for (const authorizationServer of [stage.url, `${stage.url}/as`])
      await expect(call(stage, 'PATCH', flights, { authorizationServer })).rejects.toThrow(/resource_taken/);
  });
});

describe('an authorization server that means harm', () => {
  /** A server that failed is left alone for a while: each of these is another one. */
  beforeEach(async () => {
    const another = stage.adopt(await startServer());
    server = another;
    const jwks = (await newParty()).jwks;
    await call(stage, 'POST', '/v1/providers/skyways/issuers', { issuer: another.issuer, jwks });
    await call(stage, 'PATCH', flights, { authorizationServer: another.issuer });
  });

  async function through(): Promise<string> {
    const calls = stage.agent.calls.length;
    const got = await (await openLine(stage.market, stage.acme)).call('SendMessage', say('hi'));
    // The agent hears of it when it went well, and of nothing else.
    expect(stage.agent.calls.length - calls).toBe(got.status === 200 ? 1 : 0);
    return `${got.status} ${got.reason ?? 'ok'}`;
  }

  it('is honest in the beginning', async () => {
    answerWell();
    expect(await through()).toBe('200 ok');
    expect(stage.agent.calls.at(-1)?.headers.authorization).toBe('Bearer theirs');
    // What it got is for it alone: an assertion, and a proof of who redeems it.
    const form = new URLSearchParams(server.asked.at(-1)?.body);
    for (const name of ['assertion', 'client_assertion'])
      expect(claimsOf(form.get(name) ?? '')['aud']).toBe(server.issuer);
  });

  it('may end a token: the next call gets another', async () => {
    let given = 0;
    answerWell({
      '/token': (response) => json(response, { access_token: `theirs-${++given}`, token_type: 'Bearer' }),
    });
    const line = await openLine(stage.market, stage.acme);
    stage.agent.on((received) => {
      if (received.headers.authorization === 'Bearer theirs-1') received.response.writeHead(401).end();
      else answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } });
    });
    const statuses = [];
    for (let time = 0; time < 3; time++) statuses.push((await line.call('SendMessage', say('hi'))).status);
    expect([statuses, given]).toEqual([[502, 200, 200], 2]);
  });

  it.each([
    ['redirects', (response: ServerResponse) => response.writeHead(307, { location: '/elsewhere' }).end()],
    ['sends ten megabytes', (response: ServerResponse) => response.end('x'.repeat(10_000_000))],
    ['resets', (response: ServerResponse) => response.destroy()],
  ])('that %s is not followed, at either of its documents', async (_, harm) => {
    answerWell({ '/token': harm });
    expect(await through()).toBe('502 UPSTREAM_UNREACHABLE');
    expect(server.asked.map(({ path }) => path)).not.toContain('/elsewhere');
  });

  it.each([
    ['puts a line end into the token', { access_token: 'a\r\nx-tenant: globex', token_type: 'Bearer' }],
    ['gives no token at all', {}],
    ['gives no Bearer token', { access_token: 'a', token_type: 'N_A' }],
    ['gives a list', []],
  ])('that %s changes nothing for anybody', async (_, body) => {
    answerWell({ '/token': (response) => json(response, body) });
    expect(await through()).toBe('502 UPSTREAM_REFUSED');
    expect(await latestAudit(stage)).toMatchObject({ reason: 'UPSTREAM_REFUSED' });
  });

  it('that speaks for another issuer is not believed', async () => {
    const metadata = '/.well-known/openid-configuration';
    const body = { issuer: 'https://login.other.example', token_endpoint: `${server.issuer}/token` };
    answerWell({ [metadata]: (response) => json(response, body) });
    expect(await through()).toBe('502 UPSTREAM_REFUSED');
    expect(server.asked.map(({ path }) => path)).toEqual([metadata]);
  });
});
