import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { answer, task } from '../support/agent.ts';
import { call } from '../support/market.ts';
import {
  addCompany,
  addMarketAgentProgram,
  addProgram,
  agree,
  type Company,
  exchangeGrant,
  openStage,
  type Program,
  type Stage,
} from './stage.ts';
import { ask, exchange, refusal, managementToken, passOn, tokenOf } from './token-endpoint.ts';

let stage: Stage;
let flights: Program;
let lodging: Company;
beforeAll(async () => {
  stage = await openStage();
  flights = await addMarketAgentProgram(stage);
  lodging = await addCompany(stage, 'lodging/hotels', [stage.acme], { scopes: ['rooms:book', 'rooms:read'] });
  await agree(stage, 'skyways', 'lodging', { scopes: ['a2a:invoke', 'a2a:read', 'rooms:read'] });
});
afterAll(() => stage.close());

describe('scopes of a call token', () => {
  it.each([
    ['one that the agent has not', 'admin', undefined],
    ['everything', '*', undefined],
    ['a prefix with a star', 'a2a:*', undefined],
    ['a scope of the management API', 'registry:write audit:read', undefined],
    ['capitals', 'A2A:INVOKE', undefined],
    ['a scope of another agent', 'rooms:book', undefined],
  ])('%s is refused', async (_, scope) => {
    expect(await refusal(stage, () => exchange(stage, stage.acme, { scope }))).toBe(
      '400 invalid_scope scope_empty',
    );
  });

  it.each([
    ['a line end', 'a2a:read\na2a:invoke'],
    ['a tab', 'a2a:read\ta2a:invoke'],
    ['two spaces', 'a2a:read  a2a:invoke'],
    ['a space before', ' a2a:read'],
    ['a quote', 'a2a:"read"'],
    ['a backslash', 'a2a\\read'],
    ['NUL', 'a2a:read\0'],
    ['200 scopes', Array.from({ length: 200 }, (__, index) => `s${index}`).join(' ')],
    ['an endless scope', 'x'.repeat(5000)],
  ])('with %s are refused', async (_, scope) => {
    expect(await refusal(stage, () => exchange(stage, stage.acme, { scope }))).toBe(
      '400 invalid_scope scope_malformed',
    );
  });

  it('asked for beyond what is allowed are left out, and the answer says so', async () => {
    const reply = await exchange(stage, stage.acme, { scope: 'a2a:read admin rooms:book a2a:read' });
    expect([reply.status, reply.body.scope]).toEqual([200, 'a2a:read']);
  });

  it('not asked for are what all parties allow, and no more', async () => {
    const ofTwo = await passOn(stage, flights, tokenOf(await exchange(stage, stage.acme)), {
      audience: lodging.agent,
    });
    expect(ofTwo.body.scope?.split(' ').toSorted()).toEqual(['a2a:invoke', 'a2a:read']);
  });

  it('never come back once they were given up', async () => {
    const narrow = tokenOf(await exchange(stage, stage.acme, { scope: 'a2a:read' }));
    const next = await passOn(stage, flights, narrow, { audience: lodging.agent });
    expect(next.body.scope).toBe('a2a:read');
    for (const scope of ['a2a:invoke', 'rooms:read'])
      expect(
        await refusal(stage, () => passOn(stage, flights, narrow, { audience: lodging.agent, scope })),
      ).toBe('400 invalid_scope scope_empty');
  });

  it('that the client may not carry are not given to it', async () => {
    const reader = await addProgram(stage, {
      id: 'acme-reader',
      owner: 'tenant:acme',
      issuerClientIds: { [stage.acme.issuer]: 'app' },
      callScopes: ['a2a:read'],
    });
    const tenant = { ...stage.acme, ...reader };
    expect((await exchange(stage, tenant)).body.scope).toBe('a2a:read');
    expect(await refusal(stage, () => exchange(stage, tenant, { scope: 'a2a:invoke' }))).toBe(
      '400 invalid_scope scope_empty',
    );
  });

  it('are the subscription’s, when the tenant bought less than there is', async () => {
    await call(stage, 'POST', '/v1/tenants/globex/subscriptions', {
      agent: lodging.agent,
      scopes: ['rooms:read'],
    });
    const reply = await exchange(stage, stage.globex, { audience: lodging.agent });
    expect(reply.body.scope).toBe('rooms:read');
  });
});

describe('at the gateway', () => {
  it.each(['SendMessage', 'SendStreamingMessage', 'CancelTask'])(
    'a token that may only read does not %s',
    async (method) => {
      stage.agent.on((received) => answer(received, task('scoped')));
      const writer = await openLine(stage.market, stage.acme);
      await writer.call('SendMessage', say('start'));
      const token = tokenOf(await exchange(stage, stage.acme, { scope: 'a2a:read' }));
      const reader = await openLine(stage.market, stage.acme, token);
      const calls = stage.agent.calls.length;
      const got = await reader.call(method, method === 'CancelTask' ? { id: 'scoped' } : say('hi'));
      expect([got.status, got.reason]).toEqual([403, 'INSUFFICIENT_SCOPE']);
      expect(got.headers.get('www-authenticate')).toContain('error="insufficient_scope"');
      expect(stage.agent.calls.length).toBe(calls);
      expect((await reader.call('GetTask', { id: 'scoped' })).body.result).toMatchObject({ id: 'scoped' });
    },
  );

  it('a token with scopes of the agent alone does nothing', async () => {
    const token = tokenOf(
      await exchange(stage, stage.acme, { audience: lodging.agent, scope: 'rooms:book' }),
    );
    const response = await fetch(`${stage.url}/a2a/${lodging.agent}/jsonrpc`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', 'a2a-version': '1.0' },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 'any' } }),
    });
    expect(response.status).toBe(403);
  });
});

describe('management scopes', () => {
  it('are the client’s own, whatever it asks for', async () => {
    const program = await addProgram(stage, {
      id: 'reporter',
      owner: 'provider:skyways',
      scopes: ['usage:write'],
    });
    const reply = await ask(stage, program, {
      grant_type: 'client_credentials',
      scope: 'usage:write registry:write audit:read a2a:invoke',
    });
    expect(reply.body.scope).toBe('usage:write');
    expect(
      await refusal(stage, () =>
        ask(stage, program, { grant_type: 'client_credentials', scope: 'registry:write' }),
      ),
    ).toBe('400 invalid_scope scope_empty');
    const token = await managementToken(stage, program);
    const response = await fetch(`${stage.url}/v1/providers/skyways/agents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id: 'mine', cardUrl: 'http://127.0.0.1:1/' }),
    });
    expect([response.status, await response.json()]).toMatchObject([403, { code: 'forbidden' }]);
  });

  it('are not to be had by a client that may only exchange, nor calls by one that may only manage', async () => {
    const exchanger = await addProgram(stage, {
      id: 'only-exchanges',
      owner: 'tenant:acme',
      grantTypes: [exchangeGrant],
      issuerClientIds: { [stage.acme.issuer]: 'app' },
    });
    const manager = await addProgram(stage, {
      id: 'only-manages',
      owner: 'tenant:acme',
      grantTypes: ['client_credentials'],
      scopes: ['audit:read'],
      issuerClientIds: { [stage.acme.issuer]: 'app' },
    });
    const refused = '400 unauthorized_client grant_not_allowed';
    expect(await refusal(stage, () => ask(stage, exchanger, { grant_type: 'client_credentials' }))).toBe(
      refused,
    );
    expect(await refusal(stage, () => exchange(stage, { ...stage.acme, ...manager }))).toBe(refused);
  });

  it('do not reach other audiences', async () => {
    const program = await addProgram(stage, {
      id: 'auditor',
      owner: 'tenant:acme',
      scopes: ['audit:read'],
    });
    for (const target of [
      'skyways/flights',
      `${stage.url}/a2a/skyways/flights`,
      'https://sts.example',
      `${stage.url}/`,
    ])
      for (const name of ['audience', 'resource'])
        expect(
          await refusal(stage, () =>
            ask(stage, program, { grant_type: 'client_credentials', [name]: target }),
          ),
        ).toBe('400 invalid_target target_not_broker');
  });
});
