import { decodeJwt } from 'jose';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type Line, openLine, readAnswer, say } from '../support/a2a.ts';
import { answer, scriptedAgent, type ScriptedAgent, task } from '../support/agent.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { call, type Market, type MarketTenant, openMarket } from '../support/market.ts';

let agent: ScriptedAgent;
let broker: RunningBroker;
let market: Market;
let acme: MarketTenant;
let line: Line;

beforeAll(async () => {
  agent = await scriptedAgent();
  broker = await runBroker();
  market = await openMarket(broker, agent.url);
  acme = await market.addTenant('acme');
  line = await openLine(market, acme);
});
afterAll(async () => {
  await broker.close();
  await agent.close();
});
beforeEach(() => {
  agent.on((received) => answer(received, { message: { messageId: 'a', role: 'ROLE_AGENT', parts: [] } }));
});

const lastCall = () => agent.calls.at(-1);

describe('a relayed call', () => {
  it('brings the agent’s own bytes back, unknown fields and number forms included', async () => {
    const body =
      '{"jsonrpc":"2.0","id":1,"result":{"message":{"messageId":"x","new":1.0, "big":10000000000000000001}}}';
    agent.on(({ response }) => response.writeHead(200, { 'content-type': 'application/json' }).end(body));
    expect((await line.call('SendMessage', say('hi'))).text).toBe(body);
  });

  it.each([
    ['a string', 'call-7'],
    ['a number', 42],
    ['zero', 0],
    ['the empty string', ''],
  ])('keeps the id’s value and type: %s', async (_, id) => {
    expect((await line.call('SendMessage', say('hi'), { id })).body.id).toBe(id);
    expect(lastCall()?.rpc.id).toBe(id);
  });

  it('carries a tenant context made for this agent alone, of the same chain as the caller’s', async () => {
    await line.call('SendMessage', say('hi'));
    const inbound = decodeJwt(line.token);
    const passed = decodeJwt((lastCall()?.headers.authorization ?? '').replace('Bearer ', ''));
    expect(passed).toMatchObject({
      iss: market.url,
      aud: agent.url,
      tenant: 'acme',
      txn: inbound['txn'],
      sub: inbound.sub,
      act: inbound['act'],
      scope: inbound['scope'],
    });
    expect(passed.jti).not.toBe(inbound.jti);
    expect(passed.exp).toBeLessThanOrEqual(inbound.exp ?? 0);
  });

  it('passes on what A2A and tracing need, and nothing that was meant for the broker', async () => {
    await line.call('SendMessage', say('hi', {}), {
      headers: {
        'a2a-extensions': 'https://x.example/ext/v1',
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        cookie: 'session=1',
        'x-forwarded-for': '10.0.0.1',
        'proxy-authorization': 'Basic eA==',
        'x-api-key': 'secret',
      },
    });
    const headers = lastCall()?.headers ?? {};
    expect(headers['a2a-extensions']).toBe('https://x.example/ext/v1');
    expect(headers['traceparent']).toContain('0af7651916cd43dd8448eb211c80319c');
    expect(headers['a2a-version']).toBe('1.0');
    for (const name of ['cookie', 'x-forwarded-for', 'proxy-authorization', 'x-api-key'])
      expect(headers[name]).toBeUndefined();
    expect(headers.authorization).not.toContain(line.token);
  });

  it('tells which extensions the agent activated', async () => {
    agent.on((received) => {
      received.response.setHeader('a2a-extensions', 'https://x.example/ext/v1');
      answer(received, { message: { messageId: 'a' } });
    });
    const { headers } = await line.call('SendMessage', say('hi'));
    expect(headers.get('a2a-extensions')).toBe('https://x.example/ext/v1');
  });

  it('keeps an agent’s own error: code, data and details', async () => {
    const error = { code: -32005, message: 'no', data: [{ '@type': 'x', reason: 'THEIRS', custom: [1] }] };
    agent.on(({ rpc, response }) => response.end(JSON.stringify({ jsonrpc: '2.0', id: rpc.id, error })));
    const got = await line.call('SendMessage', say('hi'));
    expect([got.status, got.body.error]).toEqual([200, error]);
  });
});

describe('a caller without a valid token for this agent', () => {
  it.each([
    ['no token', undefined],
    ['something else', 'Bearer abc.def.ghi'],
    ['another scheme', 'Basic YWNtZTphY21l'],
    ['the operator’s token', `Bearer operator-token-of-a-test-broker`],
  ])('is told where to get one: %s', async (_, authorization) => {
    const before = agent.calls.length;
    const response = await fetch(`${market.url}/a2a/${market.agent}/jsonrpc`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'a2a-version': '1.0',
        ...(authorization === undefined ? {} : { authorization }),
      },
      body: '{"jsonrpc":"2.0","id":1,"method":"GetTask","params":{"id":"t"}}',
    });
    const got = await readAnswer(response);
    expect([got.status, got.reason]).toEqual([401, 'UNAUTHENTICATED']);
    const challenge = got.headers.get('www-authenticate') ?? '';
    const metadata = /resource_metadata="([^"]+)"/.exec(challenge)?.[1] ?? '';
    const document = (await (await fetch(metadata)).json()) as {
      resource: string;
      authorization_servers: string[];
    };
    expect(document.resource).toBe(`${market.url}/a2a/${market.agent}`);
    expect(document.authorization_servers).toEqual([market.url]);
    expect(agent.calls.length).toBe(before);
  });

  it('is refused with the token that the agent itself received', async () => {
    await line.call('SendMessage', say('hi'));
    const passedOn = (lastCall()?.headers.authorization ?? '').replace('Bearer ', '');
    const got = await (await openLine(market, acme, passedOn)).call('SendMessage', say('hi'));
    expect(got.reason).toBe('UNAUTHENTICATED');
    expect(got.headers.get('www-authenticate')).toContain('error="invalid_token"');
  });

  it('is refused with a management token', async () => {
    const got = await (
      await openLine(market, acme, await market.providerToken())
    ).call('SendMessage', say('hi'));
    expect(got.reason).toBe('UNAUTHENTICATED');
  });
});

describe('a request that is not valid', () => {
  const send = async (body: string | Buffer, headers: Record<string, string> = {}) =>
    readAnswer(
      await fetch(`${market.url}/a2a/${market.agent}/jsonrpc`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'a2a-version': '1.0',
          authorization: `Bearer ${line.token}`,
          ...headers,
        },
        body,
      }),
    );
  const good = '{"jsonrpc":"2.0","id":1,"method":"SendMessage","params":{"message":{"messageId":"m"}}}';

  it.each([
    ['broken JSON', '{"jsonrpc":', {}, 400, 'PARSE_ERROR', -32700],
    ['bytes that are not UTF-8', Buffer.from([0x7b, 0xff, 0x7d]), {}, 400, 'PARSE_ERROR', -32700],
    [
      'a wrong content type',
      good,
      { 'content-type': 'text/plain' },
      415,
      'CONTENT_TYPE_NOT_SUPPORTED',
      -32005,
    ],
    [
      'a form',
      good,
      { 'content-type': 'application/x-www-form-urlencoded' },
      415,
      'CONTENT_TYPE_NOT_SUPPORTED',
      -32005,
    ],
    [
      'another charset',
      good,
      { 'content-type': 'application/json; charset=latin1' },
      415,
      'CONTENT_TYPE_NOT_SUPPORTED',
      -32005,
    ],
    ['compression', good, { 'content-encoding': 'gzip' }, 415, 'CONTENT_TYPE_NOT_SUPPORTED', -32005],
    ['10 MB', `"${'x'.repeat(10_000_000)}"`, {}, 413, 'PAYLOAD_TOO_LARGE', -32060],
    ['A2A 0.3', good, { 'a2a-version': '0.3' }, 200, 'VERSION_NOT_SUPPORTED', -32009],
    ['a later A2A', good, { 'a2a-version': '1.1' }, 200, 'VERSION_NOT_SUPPORTED', -32009],
    ['no version', good, { 'a2a-version': '' }, 200, 'VERSION_NOT_SUPPORTED', -32009],
    ['an unknown method', good.replace('SendMessage', 'DropTables'), {}, 200, 'METHOD_NOT_FOUND', -32601],
  ])(
    'with %s gets the documented error and never reaches the agent',
    async (_, body, headers, status, reason, code) => {
      const before = agent.calls.length;
      const got = await send(body, headers as Record<string, string>);
      expect([got.status, got.reason, got.body.error?.code]).toEqual([status, reason, code]);
      expect(agent.calls.length).toBe(before);
    },
  );

  it('may say its version in the query and with a patch number', async () => {
    const response = await fetch(`${market.url}/a2a/${market.agent}/jsonrpc?A2A-Version=1.0.1`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${line.token}` },
      body: good,
    });
    expect((await readAnswer(response)).body.result).toBeDefined();
  });

  it('with GET is told that calls are POST', async () => {
    const response = await fetch(`${market.url}/a2a/${market.agent}/jsonrpc`);
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });
});

describe('an agent that does not do its part', () => {
  it.each([
    ['refuses our credential', 401, '{}', 'UPSTREAM_REFUSED', 502],
    ['forbids our credential', 403, '{}', 'UPSTREAM_REFUSED', 502],
    ['answers with a page', 200, '<html>', 'INVALID_AGENT_RESPONSE', 502],
    [
      'answers for another request',
      200,
      '{"jsonrpc":"2.0","id":99,"result":{"message":{}}}',
      'INVALID_AGENT_RESPONSE',
      502,
    ],
    ['answers nothing', 200, '', 'INVALID_AGENT_RESPONSE', 502],
    ['redirects', 307, '', 'INVALID_AGENT_RESPONSE', 502],
    ['fails', 500, 'Internal Server Error', 'INVALID_AGENT_RESPONSE', 502],
  ])('and %s is named, and its challenge is not relayed', async (_, status, body, reason, expected) => {
    agent.on(({ response }) =>
      response.writeHead(status, { 'www-authenticate': 'Basic', location: 'http://127.0.0.1:1/' }).end(body),
    );
    const got = await line.call('SendMessage', say('hi'));
    expect([got.status, got.reason]).toEqual([expected, reason]);
    expect(got.headers.get('www-authenticate')).toBeNull();
    expect(got.body.id).toBe(1);
  });

  it('and breaks the connection, or sends less than it said, is named', async () => {
    agent.on(({ response }) => response.destroy());
    expect((await line.call('SendMessage', say('hi'))).reason).toBe('UPSTREAM_UNREACHABLE');
    agent.on(({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json', 'content-length': '1000' });
      response.write('{"jsonrpc":"2.0"');
      setTimeout(() => response.destroy(), 20);
    });
    expect((await line.call('SendMessage', say('hi'))).reason).toBe('UPSTREAM_UNREACHABLE');
  });

  it('and sends more than an answer may have is cut off', async () => {
    agent.on(({ response }) => {
      response.writeHead(200, { 'content-type': 'application/json' });
      const chunk = 'x'.repeat(1024 * 1024);
      const pump = () => {
        while (!response.destroyed && response.write(chunk));
        if (!response.destroyed) response.once('drain', pump);
      };
      pump();
    });
    expect((await line.call('SendMessage', say('hi'))).reason).toBe('INVALID_AGENT_RESPONSE');
  });

  it('and is not there at all is named', async () => {
    const other = await runBroker();
    const gone = await openMarket(other, 'http://127.0.0.1:1/jsonrpc');
    const tenant = await gone.addTenant('acme');
    const got = await (await openLine(gone, tenant)).call('SendMessage', say('hi'));
    expect([got.status, got.reason]).toEqual([502, 'UPSTREAM_UNREACHABLE']);
    await other.close();
  });
});

describe('what a call rests on', () => {
  const operator = () => ({ url: market.url, token: market.token });

  it.each([
    [
      'the tenant is suspended',
      'TENANT_CONTEXT_INVALID',
      (id: string) => [`/v1/tenants/${id}/suspend`, `/v1/tenants/${id}/reinstate`],
    ],
    [
      'the agent is suspended',
      'AGENT_UNAVAILABLE',
      () => ['/v1/agents/skyways/flights/suspend', '/v1/agents/skyways/flights/publish'],
    ],
    [
      'the provider is suspended',
      'AGENT_UNAVAILABLE',
      () => ['/v1/providers/skyways/suspend', '/v1/providers/skyways/reinstate'],
    ],
  ] as const)(
    'stops live tokens at once when %s, and lets them work again after',
    async (_, reason, paths) => {
      const [stop, resume] = paths('acme');
      await call(operator(), 'POST', stop ?? '', { reason: 'test' });
      const before = agent.calls.length;
      const refused = await line.call('SendMessage', say('hi'));
      await call(operator(), 'POST', resume ?? '', { reason: 'test' });
      expect(refused.reason).toBe(reason);
      expect(agent.calls.length).toBe(before);
      expect((await line.call('SendMessage', say('hi'))).body.result).toBeDefined();
    },
  );

  it('stops live tokens at once when the client is disabled or the subscription ends', async () => {
    const tenant = await market.addTenant('shortlived');
    const own = await openLine(market, tenant);
    await call(operator(), 'PATCH', `/v1/clients/${tenant.clientId}`, { status: 'disabled' });
    expect((await own.call('SendMessage', say('hi'))).reason).toBe('TENANT_CONTEXT_INVALID');
    await call(operator(), 'PATCH', `/v1/clients/${tenant.clientId}`, { status: 'active' });
    const { items } = await call<{ items: { id: string }[] }>(
      operator(),
      'GET',
      `/v1/tenants/shortlived/subscriptions`,
    );
    await call(operator(), 'DELETE', `/v1/tenants/shortlived/subscriptions/${items[0]?.id}`);
    expect((await own.call('SendMessage', say('hi'))).reason).toBe('NOT_SUBSCRIBED');
  });

  it('is on record: a refusal of a known caller is in the audit log, without the token', async () => {
    await line.call('GetTask', { id: 'no-such-task' });
    const log = JSON.stringify(await call(operator(), 'GET', '/v1/tenants/acme/audit?limit=20'));
    expect(log).toContain('"action":"call.relay","outcome":"refused","reason":"TASK_NOT_FOUND"');
    expect(log).not.toContain(line.token.slice(-40));
  });
});

describe('a task and the place that has it', () => {
  it('stay together when the tenant gets a silo; what is new goes to the silo', async () => {
    const silo = await scriptedAgent();
    const tenant = await market.addTenant('mover');
    const own = await openLine(market, tenant);
    agent.on((received) => answer(received, { task: task('pool-task') }));
    await own.call('SendMessage', say('start'));
    await call({ url: market.url, token: market.token }, 'POST', '/v1/agents/skyways/flights/deployments', {
      id: 'silo-mover',
      model: 'siloed',
      tenant: 'mover',
      url: silo.url,
    });
    silo.on((received) => answer(received, { task: task('silo-task') }));
    agent.on((received) => answer(received, task('pool-task')));
    await own.call('GetTask', { id: 'pool-task' });
    expect(lastCall()?.rpc.method).toBe('GetTask');
    expect((await own.call('SendMessage', say('next'))).body.result).toMatchObject({
      task: { id: 'silo-task' },
    });
    agent.on((received) => answer(received, { message: { messageId: 'a' } }));
    const others = await line.call('SendMessage', say('other tenant'));
    expect(others.body.result).toBeDefined();
    expect(silo.calls).toHaveLength(1);
    await silo.close();
  });
});
