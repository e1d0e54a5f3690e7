import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, cardFor } from '../support/market.ts';
import { hostileAnswers, hostileServer, type HostileServer, json } from './hostile-server.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
let server: HostileServer;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());
beforeEach(async () => {
  server = await hostileServer();
});
afterEach(() => server.close());

const card = cardFor('https://agent.skyways.example/rpc');
const [skill] = card['skills'] as readonly object[];

async function post(path: string, body: unknown): Promise<{ status: number; code: string }> {
  const response = await fetch(`${stage.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  const { code = '' } = (await response.json()) as { code?: string };
  return { status: response.status, code };
}

/** The status and code of a refusal that has to leave not a record behind. */
async function refusedAgent(body: unknown): Promise<string> {
  stage.store.written();
  const { status, code } = await post('/v1/providers/skyways/agents', body);
  expect(stage.store.written()).toEqual(new Set());
  return `${status} ${code}`;
}

const unusable = /^422 card_(?:unreachable|invalid)$/;
const refusedCard = /^422 card_(?:unreachable|invalid)$|^409 resource_taken$/;

/** Cards that say what must not be believed, or cost what must not be paid. */
const badCards: readonly (readonly [string, unknown])[] = [
  [
    'an interface of the broker itself',
    { ...card, supportedInterfaces: interfaceAt('BROKER/a2a/skyways/flights/jsonrpc') },
  ],
  ['an interface that is a script', { ...card, supportedInterfaces: interfaceAt('javascript:alert(1)') }],
  ['an interface that is a file', { ...card, supportedInterfaces: interfaceAt('file:///etc/passwd') }],
  [
    'credentials in an interface',
    { ...card, supportedInterfaces: interfaceAt('https://u:p@agent.example/rpc') },
  ],
  ['10,000 skills', { ...card, skills: Array(10_000).fill(skill) }],
  ['10,000 tags', { ...card, skills: [{ ...skill, tags: Array(10_000).fill('t') }] }],
  ['a name of 200 KB', { ...card, name: 'x'.repeat(200_000) }],
  ['300 KB', { ...card, note: 'x'.repeat(300_000) }],
  [
    '30 levels of a field that is not ours',
    { ...card, note: JSON.parse('['.repeat(30) + ']'.repeat(30)) as unknown },
  ],
  ['the shape of A2A 0.3', { name: 'x', url: 'https://agent.example', version: '1', skills: [] }],
];

function interfaceAt(url: string): readonly object[] {
  return [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }];
}

function atBroker(value: unknown): string {
  return JSON.stringify(value).replaceAll('BROKER', stage.url);
}

describe('a card', () => {
  it.each(hostileAnswers)('fetched, that is %s', async (_, listener) => {
    server.on(listener);
    expect(await refusedAgent({ id: 'hostile', cardUrl: server.url })).toMatch(unusable);
  });

  it.each(badCards)('fetched, with %s', async (_, hostile) => {
    server.on(json(atBroker(hostile)));
    expect(await refusedAgent({ id: 'hostile', cardUrl: server.url })).toMatch(refusedCard);
  });

  it.each(badCards)('given, with %s', async (_, hostile) => {
    const body = `{"id":"hostile","card":${atBroker(hostile)}}`;
    expect(await refusedAgent(body)).toMatch(refusedCard);
  });

  it.each([
    [
      'nested beyond any stack',
      `{"id":"hostile","card":${'{"a":'.repeat(100_000)}1${'}'.repeat(100_000)}}`,
      400,
    ],
    ['of 10 MB', `{"id":"hostile","card":{"name":"${'x'.repeat(10_000_000)}"}}`, 413],
  ])('given, %s', async (_, body, status) => {
    expect(await refusedAgent(body)).toMatch(new RegExp(`^${status} `));
  });

  it('that redirects to where only the broker can reach', async () => {
    const inside = await hostileServer(json(card));
    server.on((_, res) => res.writeHead(302, { Location: inside.url }).end());
    expect(await refusedAgent({ id: 'hostile', cardUrl: server.url })).toMatch(/^422 card_unreachable$/);
    expect(inside.hits()).toBe(0);
    await inside.close();
  });

  it.each(hostileAnswers)('read again, that is %s now, stays what it was', async (_, listener) => {
    server.on(json(cardFor(`${server.url}/rpc`)));
    const id = `refreshed-${server.port}`;
    await call(stage, 'POST', '/v1/providers/skyways/agents', { id, cardUrl: server.url });
    await call(stage, 'POST', `/v1/agents/skyways/${id}/publish`, { reason: 'test' });
    const served = () => fetch(`${stage.url}/a2a/skyways/${id}/.well-known/agent-card.json`);
    const before = await (await served()).text();
    server.on(listener);
    stage.store.written();
    const { status, code } = await post(`/v1/agents/skyways/${id}/refresh`, undefined);
    expect(`${status} ${code}`).toMatch(unusable);
    expect(stage.store.written()).toEqual(new Set());
    expect(await (await served()).text()).toBe(before);
  });

  it('cannot speak for the broker: its addresses, its security and its signatures are ours alone', async () => {
    const lies = {
      ...card,
      url: 'https://evil.example',
      additionalInterfaces: interfaceAt('https://evil.example'),
      securitySchemes: { open: { apiKeySecurityScheme: { name: 'k', location: 'header' } } },
      securityRequirements: [{}],
      signatures: [{ protected: 'x', signature: 'y' }],
      capabilities: { streaming: true, pushNotifications: true, extendedAgentCard: true },
      skills: [{ ...skill, securityRequirements: [{}] }],
      ...(JSON.parse('{"__proto__":{"url":"https://evil.example"}}') as object),
    };
    await call(stage, 'POST', '/v1/providers/skyways/agents', { id: 'liar', card: lies });
    await call(stage, 'POST', '/v1/agents/skyways/liar/publish', { reason: 'test' });
    const response = await fetch(`${stage.url}/a2a/skyways/liar/.well-known/agent-card.json`);
    const text = await response.text();
    expect(text).not.toContain('evil.example');
    expect(JSON.parse(text)).toMatchObject({
      supportedInterfaces: interfaceAt(`${stage.url}/a2a/skyways/liar/jsonrpc`),
      securitySchemes: { broker: {} },
      securityRequirements: [{ schemes: { broker: { list: ['a2a:invoke'] } } }],
      capabilities: { pushNotifications: false, extendedAgentCard: false },
    });
    expect(text).not.toContain('"open"');
    expect(text).not.toContain('"signature":"y"');
  });
});
