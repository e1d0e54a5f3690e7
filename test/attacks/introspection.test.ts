import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kernel/digest.ts';
import { openLine, say } from '../support/a2a.ts';
import { answer, task } from '../support/agent.ts';
import { call } from '../support/market.ts';
import { auditOf, latestAudit } from './audit.ts';
import {
  addCompany,
  addMarketAgentProgram,
  addProgram,
  agree,
  type Company,
  openStage,
  type Program,
  type Stage,
} from './stage.ts';
import {
  ask,
  assertionType,
  claimsOf,
  exchange,
  managementToken,
  passOn,
  postForm,
  type TokenReply,
  tokenOf,
} from './token-endpoint.ts';

let stage: Stage;
let flights: Program;
let lodging: Company;
/** Of another agent of the same company, of the company but no agent, of a tenant. */
let trains: Program;
let reporter: Program;
/** What the gateway passed to the agent. */
let received: string;
let gatewayToken: string;

beforeAll(async () => {
  stage = await openStage();
  flights = await addMarketAgentProgram(stage);
  lodging = await addCompany(stage, 'lodging/hotels', [stage.acme]);
  await agree(stage, 'skyways', 'lodging');
  const card = (await (
    await fetch(`${stage.url}/a2a/skyways/flights/.well-known/agent-card.json?original=true`)
  ).json()) as object;
  await call(stage, 'POST', '/v1/providers/skyways/agents', {
    id: 'trains',
    card: {
      ...card,
      supportedInterfaces: [
        { url: 'https://trains.skyways.example/rpc', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      ],
    },
  });
  trains = await addProgram(stage, {
    id: 'skyways-trains',
    owner: 'provider:skyways',
    agent: 'skyways/trains',
  });
  reporter = await addProgram(stage, { id: 'skyways-resource-server', owner: 'provider:skyways' });
  stage.agent.on((heard) => answer(heard, { task: task(randomUUID()) }));
  gatewayToken = tokenOf(await exchange(stage, stage.acme));
  const line = await openLine(stage.market, stage.acme, gatewayToken);
  await line.call('SendMessage', say('hi'));
  received = (stage.agent.calls.at(-1)?.headers.authorization ?? '').replace('Bearer ', '');
});
afterAll(() => stage.close());

const introspect = (program: Program, token: string) => ask(stage, program, { token }, '/oauth/introspect');

/** All that an answer tells. */
const told = ({ status, headers, text }: TokenReply) => ({
  status,
  text,
  headers: Object.fromEntries([...headers].filter(([name]) => !['date', 'x-request-id'].includes(name))),
});

describe('introspection by somebody for whom the token is not', () => {
  const others: readonly (readonly [string, () => Program])[] = [
    ['the client that obtained it', () => stage.acme],
    ['another tenant’s client', () => stage.globex],
    ['the program of another agent of the company', () => trains],
    ['another company’s agent', () => lodging.program],
  ];

  it.each(others)('%s hears what is heard of nonsense', async (_, program) => {
    expect(claimsOf(received)['aud']).not.toBe(claimsOf(gatewayToken)['aud']);
    const nonsense = told(await introspect(program(), 'nonsense'));
    expect(nonsense).toMatchObject({ status: 200, text: '{"active":false}' });
    expect(told(await introspect(program(), received))).toEqual(nonsense);
  });

  it('the audience itself is answered, so that the refusals mean something', async () => {
    for (const program of [flights, reporter]) {
      const { text } = await introspect(program, received);
      expect(JSON.parse(text)).toEqual({ active: true, token_type: 'Bearer', ...claimsOf(received) });
    }
  });

  it('a token for the gateway, and one for the management API, is nobody’s to ask about', async () => {
    const management = await managementToken(
      stage,
      await addProgram(stage, { id: 'skyways-admin', owner: 'provider:skyways', scopes: ['trust:read'] }),
    );
    for (const token of [gatewayToken, management])
      for (const program of [flights, reporter, stage.acme])
        expect((await introspect(program, token)).text).toBe('{"active":false}');
  });

  it('a forged token for it is not active', async () => {
    const [header, , signature] = received.split('.');
    const claims = { ...claimsOf(received), scope: 'everything' };
    const forged = `${header}.${Buffer.from(JSON.stringify(claims)).toString('base64url')}.${signature}`;
    expect((await introspect(flights, forged)).text).toBe('{"active":false}');
  });

  it('whether another’s token was revoked is told neither by the answer nor by the own audit log', async () => {
    const theirs = async () => {
      const mine = tokenOf(await exchange(stage, stage.acme));
      return tokenOf(await passOn(stage, flights, mine, { audience: lodging.agent }));
    };
    const [live, revoked] = [await theirs(), await theirs()];
    const id = sha256(String(claimsOf(revoked)['jti']));
    await call(stage, 'POST', `/v1/delegations/${id}/revoke`, { reason: 'test' });
    const seen: unknown[] = [];
    for (const token of [live, revoked]) {
      const reply = await introspect(stage.globex, token);
      const { id: _, at: __, ...entry } = (await latestAudit(stage)) as unknown as Record<string, unknown>;
      seen.push([told(reply), entry]);
    }
    expect(seen[0]).toEqual(seen[1]);
    expect(JSON.stringify(seen)).not.toMatch(/acme|lodging|txn/);
  });
});

describe('an assertion at introspection and revocation', () => {
  const paths = ['/oauth/introspect', '/oauth/revoke'] as const;
  const form = async () => {
    const now = Math.floor(Date.now() / 1000);
    const { clientId, client } = flights;
    const claims = {
      iss: clientId,
      sub: clientId,
      aud: stage.url,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
    };
    return { client_assertion_type: assertionType, client_assertion: await client.sign(claims), token: 'x' };
  };

  it.each(paths)('is good once at %s, and nowhere afterwards', async (path) => {
    const sent = await form();
    expect((await postForm(stage.url, sent, {}, path)).status).toBe(200);
    for (const again of [...paths, '/oauth/token']) {
      const grant = again === '/oauth/token' ? { grant_type: 'client_credentials' } : {};
      const { status, body } = await postForm(stage.url, { ...sent, ...grant }, {}, again);
      expect([again, status, body.error]).toEqual([again, 401, 'invalid_client']);
    }
  });

  it.each(paths)('of several at the same moment counts once at %s', async (path) => {
    const sent = await form();
    const replies = await Promise.all([1, 2, 3, 4].map(() => postForm(stage.url, sent, {}, path)));
    expect(replies.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([200, 401, 401, 401]);
  });

  it.each(paths)('is used up by a refusal at %s', async (path) => {
    const { token: _, ...sent } = await form();
    expect((await postForm(stage.url, sent, {}, path)).body.error).toBe('invalid_request');
    expect((await postForm(stage.url, { ...sent, token: 'x' }, {}, path)).body.error).toBe('invalid_client');
  });

  it.each(paths)('parameters sent twice, empty or not as a form are refused at %s', async (path) => {
    const sent = new URLSearchParams(await form()).toString();
    for (const body of [`${sent}&token=y`, sent.replace('token=x', 'token='), 'nonsense', 'x'.repeat(70_000)])
      expect((await postForm(stage.url, body, {}, path)).status).toBeGreaterThanOrEqual(400);
    const json = await postForm(stage.url, sent, { 'content-type': 'application/json' }, path);
    expect([json.status, json.body.error]).toEqual([400, 'invalid_request']);
  });

  it('of a disabled client is worth nothing', async () => {
    const gone = await addProgram(stage, { id: 'skyways-gone', owner: 'provider:skyways' });
    await call(stage, 'PATCH', '/v1/clients/skyways-gone', { status: 'disabled' });
    for (const path of paths)
      expect((await ask(stage, gone, { token: received }, path)).body.error).toBe('invalid_client');
  });
});

describe('revocation by somebody to whom the token was not issued', () => {
  it.each([
    ['another tenant’s client', () => stage.globex],
    ['the agent that received it', () => flights],
    ['another company’s agent', () => lodging.program],
  ] as const)('%s is answered as for nonsense, and nothing happens', async (_, program) => {
    const nonsense = told(await ask(stage, program(), { token: 'nonsense' }, '/oauth/revoke'));
    stage.store.written();
    const theirs = told(await ask(stage, program(), { token: gatewayToken }, '/oauth/revoke'));
    expect([...stage.store.written()].toSorted()).toEqual(['assertion', 'audit']);
    expect(theirs).toEqual(nonsense);
    expect(theirs).toMatchObject({ status: 200, text: '' });
    expect((await introspect(flights, received)).text).toContain('"active":true');
  });

  it('another client’s management token goes on', async () => {
    const admin = await addProgram(stage, {
      id: 'acme-admin',
      owner: 'tenant:acme',
      scopes: ['trust:read'],
    });
    const token = await managementToken(stage, admin);
    await ask(stage, stage.globex, { token }, '/oauth/revoke');
    await ask(stage, stage.acme, { token }, '/oauth/revoke');
    expect(await call({ url: stage.url, token }, 'GET', '/v1/agreements')).toEqual({ items: [] });
    await ask(stage, admin, { token }, '/oauth/revoke');
    await expect(call({ url: stage.url, token }, 'GET', '/v1/agreements')).rejects.toThrow('401');
  });
});

it('a flood of questions about others’ tokens leaves a bounded trace, which says how much it was', async () => {
  const curious = await addProgram(stage, { id: 'globex-curious', owner: 'tenant:globex' });
  for (let n = 0; n < 30; n++) await introspect(curious, received);
  const entries = (await auditOf(stage, 'client=globex-curious')).filter(
    ({ action }) => action === 'token.introspect',
  );
  expect(entries).toHaveLength(20);
});
