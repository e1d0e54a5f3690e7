import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type Line, openLine, say } from '../support/a2a.ts';
import { answer, task } from '../support/agent.ts';
import { call, cardFor } from '../support/market.ts';
import { clientAssertion, newParty } from '../support/party.ts';
import { addCompany, addMarketAgentProgram, openStage, type Program, type Stage } from './stage.ts';
import { exchange, passOn, tokenOf, tokenType } from './token-endpoint.ts';

let stage: Stage;
let flights: Program;
beforeAll(async () => {
  stage = await openStage();
  flights = await addMarketAgentProgram(stage);
  await addCompany(stage, 'lodging/hotels', [stage.acme]);
  const agent = (id: string, resource: string) =>
    call(stage, 'POST', '/v1/providers/lodging/agents', {
      id,
      card: cardFor(`https://${id}.lodging.example/rpc`),
      resource,
    });
  await agent('draft', 'urn:lodging:draft');
  await agent('gone', 'urn:lodging:gone');
  await call(stage, 'POST', '/v1/agents/lodging/gone/retire', { reason: 'test' });
  await call(stage, 'POST', '/v1/agents/lodging/hotels/deployments', {
    id: 'acme-silo',
    model: 'siloed',
    tenant: 'acme',
    url: 'https://acme.lodging.example/rpc',
    resource: 'urn:lodging:acme-silo',
  });
  await call(stage, 'POST', '/v1/tenants/globex/subscriptions', { agent: 'lodging/hotels' });
});
afterAll(() => stage.close());

/** All that an answer tells. */
function told(answered: { status: number; text: string; headers: Headers }): string {
  const headers = [...answered.headers].filter(([name]) => name !== 'date' && name !== 'x-request-id');
  return JSON.stringify([answered.status, answered.text, headers]);
}

/** Everything in the list is answered alike; `n` differ. */
async function alike(
  attempts: readonly (() => Promise<{ status: number; text: string; headers: Headers }>)[],
) {
  const answers: string[] = [];
  for (const attempt of attempts) answers.push(told(await attempt()));
  expect(new Set(answers)).toEqual(new Set([answers[0]]));
  return answers[0] ?? '';
}

describe('the token endpoint does not tell', () => {
  it('why a client was not authenticated, nor whether it exists', async () => {
    const { acme } = stage;
    const stranger = await newParty();
    await call(stage, 'POST', '/v1/clients', {
      id: 'disabled-app',
      name: 'x',
      owner: 'tenant:acme',
      jwks: acme.client.jwks,
      grantTypes: ['client_credentials'],
      scopes: ['audit:read'],
    });
    await call(stage, 'PATCH', '/v1/clients/disabled-app', { status: 'disabled' });
    const used = await clientAssertion(acme.client, acme.clientId, stage.url);
    await exchange(stage, acme, { client_assertion: used });
    const assertions = [
      await clientAssertion(stranger, 'nobody', stage.url),
      await clientAssertion(stranger, acme.clientId, stage.url),
      await clientAssertion(acme.client, stage.globex.clientId, stage.url),
      await clientAssertion(acme.client, acme.clientId, 'https://other.example'),
      await clientAssertion(acme.client, 'disabled-app', stage.url),
      used,
      'nonsense',
    ];
    const text = await alike(
      assertions.map((client_assertion) => () => exchange(stage, acme, { client_assertion })),
    );
    expect(text).toContain('invalid_client');
  });

  it('why a target was refused, nor whether it exists', async () => {
    const { globex } = stage;
    const text = await alike(
      [
        { audience: 'nobody/none' },
        { audience: 'lodging/none' },
        { audience: 'lodging/draft' },
        { audience: 'lodging/gone' },
        { audience: 'not an agent' },
        { resource: 'urn:nobody' },
        { resource: 'urn:lodging:draft' },
        { resource: 'urn:lodging:gone' },
        // A silo of somebody else's, of an agent to which the tenant is subscribed.
        { resource: 'urn:lodging:acme-silo' },
        { resource: `${stage.url}/a2a/lodging/draft` },
        { audience: 'skyways/flights', resource: 'urn:lodging:draft' },
      ].map((form) => () => exchange(stage, globex, { audience: undefined, ...form })),
    );
    expect(text).toContain('invalid_target');
  });

  it('why a subject was refused', async () => {
    const { acme, globex } = stage;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: acme.issuer, sub: 'u', aud: 'app', iat: now, exp: now + 60 };
    const subjects = [
      'nonsense',
      await globex.idToken(),
      await globex.idp.sign(claims),
      await acme.idp.sign({ ...claims, iss: 'https://nobody.example' }),
      await acme.idp.sign({ ...claims, exp: now - 60 }),
      await acme.idp.sign({ ...claims, aud: 'another' }),
      await acme.idp.sign(claims, { typ: 'logout+jwt' }),
      await acme.idp.sign({ ...claims, sub: '' }),
    ];
    const text = await alike(subjects.map((subject_token) => () => exchange(stage, acme, { subject_token })));
    expect(text).toContain('The token is not acceptable.');
  });

  it('whose a token is that may not be continued', async () => {
    const theirs = tokenOf(await exchange(stage, stage.acme, { audience: 'lodging/hotels' }));
    const broken = `${theirs.slice(0, -4)}AAAA`;
    const text = await alike(
      [theirs, broken, 'nonsense'].map(
        (subject) => () =>
          passOn(stage, flights, subject, {
            audience: 'skyways/flights',
            subject_token_type: tokenType.accessToken,
          }),
      ),
    );
    expect(text).toContain('The token is not acceptable.');
  });
});

describe('the gateway does not tell', () => {
  let acme: Line;
  let globex: Line;
  beforeAll(async () => {
    acme = await openLine(stage.market, stage.acme);
    globex = await openLine(stage.market, stage.globex);
    stage.agent.on((received) => answer(received, { task: task('acme-task') }));
    await acme.call('SendMessage', say('start'));
  });

  it.each([
    ['GetTask', (id: string) => ({ id })],
    ['CancelTask', (id: string) => ({ id })],
    ['SubscribeToTask', (id: string) => ({ id })],
    ['SendMessage', (id: string) => say('hi', { taskId: id })],
    ['SendMessage', (id: string) => say('hi', { referenceTaskIds: [id] })],
    ['SendStreamingMessage', (id: string) => say('hi', { taskId: id, contextId: `ctx-${id}` })],
  ])('whether a task that %s names is somebody’s: %#', async (method, params) => {
    const text = await alike(
      ['acme-task', 'nobodys-1', 'nobodys-2'].map((id) => () => globex.call(method, params(id))),
    );
    expect(text).toContain('TASK_NOT_FOUND');
  });

  it('whether an agent exists, to who has no token for it', async () => {
    const ask = (agent: string, token?: string) => async () => {
      const response = await fetch(`${stage.url}/a2a/${agent}/jsonrpc`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          'a2a-version': '1.0',
          ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
        },
        body: '{}',
      });
      // The address of the metadata is the question's own.
      const headers = new Headers(response.headers);
      headers.set('www-authenticate', headers.get('www-authenticate')?.replaceAll(agent, 'AGENT') ?? '');
      return { status: response.status, text: await response.text(), headers };
    };
    const agents = ['lodging/hotels', 'lodging/draft', 'lodging/gone', 'lodging/none', 'nobody/none'];
    for (const token of [undefined, globex.token, 'nonsense'])
      expect(await alike(agents.map((agent) => ask(agent, token)))).toContain('UNAUTHENTICATED');
  });

  it('what was wrong with an answer that it withheld', async () => {
    const answers = [
      () => ({ task: task('acme-task') }),
      () => ({ message: { messageId: 'm', contextId: 'ctx-acme-task' } }),
      () => [],
    ];
    const text = await alike(
      answers.map((make) => () => {
        stage.agent.on((received) => answer(received, make()));
        return globex.call('SendMessage', say('hi'));
      }),
    );
    expect(text).toContain('INVALID_AGENT_RESPONSE');
  });
});
