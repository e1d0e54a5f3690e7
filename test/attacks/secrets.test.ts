import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { answer, scriptedAgent, type ScriptedAgent, task } from '../support/agent.ts';
import { type BrokerProcess, freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { call, type Market, openMarket } from '../support/market.ts';
import { clientAssertion } from '../support/party.ts';
import { postForm, tokenOf, tokenType } from './token-endpoint.ts';

/** What must be found nowhere but where it was sent to, by what it is. */
const secrets = new Map<string, string>();
let directory: string;
let broker: BrokerProcess;
let agent: ScriptedAgent;
let market: Market;

/** The part of a token without which it is worth nothing. */
const signatureOf = (token: string) => token.split('.')[2] ?? expect.fail('no token');

/** Everything that a broker does with secrets, done once well and once badly, with the log wide open. */
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-secrets-'));
  const port = await freePort();
  agent = await scriptedAgent();
  broker = await startBroker({ directory, port, env: { LOG_LEVEL: 'trace' } });
  const operator = { url: broker.url, token: operatorToken };
  market = await openMarket(operator, agent.url);
  const acme = await market.addTenant('acme');

  const assertion = await clientAssertion(acme.client, acme.clientId, broker.url);
  const idToken = await acme.idToken();
  const form = {
    grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
    client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
    client_assertion: assertion,
    subject_token: idToken,
    subject_token_type: tokenType.idToken,
    audience: market.agent,
  };
  const callToken = tokenOf(await postForm(broker.url, form));
  const refusedAssertion = await clientAssertion(acme.client, acme.clientId, broker.url);
  const refusedSubject = await acme.idp.sign({ iss: acme.issuer, sub: 'u', aud: 'another' });
  for (const change of [
    { client_assertion: refusedAssertion, subject_token: refusedSubject },
    { client_assertion: assertion },
    { client_assertion: await acme.client.sign({ iss: 'x', sub: 'x' }), actor_token: refusedSubject },
  ])
    await postForm(broker.url, { ...form, ...change });

  agent.on((received) => answer(received, { task: task('secret-task') }));
  const line = await openLine(market, acme, callToken);
  const words = 'the words that a user of acme said';
  await line.call('SendMessage', say(words));
  await line.call('GetTask', { id: 'none' });
  agent.on(({ response }) => void response.writeHead(401).end(words));
  await line.call('SendMessage', say(words));
  const upstream = agent.calls.at(-1)?.headers.authorization?.slice(7) ?? expect.fail();
  const managementToken = await market.providerToken();
  for (const token of [managementToken, `${managementToken}x`, `${operatorToken}x`])
    await fetch(`${broker.url}/v1/tenants`, {
      headers: { authorization: `Bearer ${token}`, cookie: 'sid=cookie-secret-1' },
    });
  await fetch(`${broker.url}/v1/tenants?token=${operatorToken}`);
  await fetch(`${broker.url}/v1/providers`, {
    method: 'POST',
    headers: { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' },
    body: `{"id":"${operatorToken}","broken`,
  });

  for (const [name, secret] of Object.entries({
    'the operator token': operatorToken,
    'the master key': (await readFile(join(directory, 'master.key'), 'utf8')).trim(),
    'a client assertion': signatureOf(assertion),
    'a refused client assertion': signatureOf(refusedAssertion),
    'an ID token': signatureOf(idToken),
    'a refused ID token': signatureOf(refusedSubject),
    'a token for the gateway': signatureOf(callToken),
    'a token for the agent': signatureOf(upstream),
    'a management token': signatureOf(managementToken),
    'a cookie': 'cookie-secret-1',
    'what a user said': words,
  }))
    secrets.set(name, secret);
}, 60_000);
afterAll(async () => {
  await broker.kill();
  await agent.close();
  await rm(directory, { recursive: true, force: true });
});

function expectNone(text: string): void {
  expect([...secrets].filter(([, secret]) => text.includes(secret)).map(([name]) => name)).toEqual([]);
}

it('are not in the log, not even in its most talkative form', () => {
  expect(broker.output()).toContain('"level":');
  expectNone(broker.output());
});

it('are not in the audit log, in metrics, or in any list', async () => {
  const operator = { url: broker.url, token: operatorToken };
  const lists = [
    '/v1/audit?limit=200',
    '/v1/clients',
    '/v1/tenants/acme/issuers',
    '/v1/keys',
    '/v1/usage?groupBy=meter',
  ];
  for (const path of lists) expectNone(JSON.stringify(await call(operator, 'GET', path)));
  for (const path of ['/.well-known/jwks.json', '/openapi.json', '/docs', '/metrics', '/readyz'])
    expectNone(await (await fetch(`${broker.url}${path}`)).text());
  const { keys } = (await (await fetch(`${broker.url}/.well-known/jwks.json`)).json()) as { keys: object[] };
  for (const key of keys) expect(key).not.toHaveProperty('d');
});

it('are not in the files of the store', async () => {
  const files = (await readdir(directory, { recursive: true, withFileTypes: true })).filter(
    (entry) => entry.isFile() && entry.name !== 'master.key',
  );
  expect(files.length).toBeGreaterThan(0);
  for (const file of files) expectNone((await readFile(join(file.parentPath, file.name))).toString('latin1'));
});
