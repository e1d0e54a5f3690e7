import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK } from 'jose';
import { expect, it } from 'vitest';
import { eventsOf, openLine, say } from '../support/a2a.ts';
import { freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { call, type Market, openMarket } from '../support/market.ts';
import { clientAssertion, newParty, type Party } from '../support/party.ts';
import { http, rawAgent, type RawCall, rpcResult, sseHead } from '../support/raw-agent.ts';
import { delegationOf, postUsage, usageEvent } from '../support/usage.ts';

/** What must never be read in a log: each secret that went in or out, and the part of a token that proves it. */
class Secrets {
  readonly #texts = new Map<string, string>();

  add(what: string, text: string): string {
    this.#texts.set(text, what);
    const signature = text.split('.')[2];
    if (signature !== undefined) this.#texts.set(signature, `the signature of ${what}`);
    return text;
  }

  foundIn(log: string): readonly string[] {
    return [...this.#texts].filter(([text]) => log.includes(text)).map(([, what]) => what);
  }

  get size(): number {
    return this.#texts.size;
  }
}

async function post(market: Market, form: Record<string, string>): Promise<string> {
  const response = await fetch(`${market.url}/oauth/token`, {
    method: 'POST',
    body: new URLSearchParams(form),
  });
  return response.text();
}

const misbehaviours: readonly ((call: RawCall) => void)[] = [
  // Agents that tell what they were told.
  ({ id, socket, authorization }) => socket.write(http(rpcResult(id, { message: { echo: authorization } }))),
  ({ socket, authorization }) => socket.write(http(`<html>${authorization}`, { type: 'text/html' })),
  ({ socket, authorization }) => socket.write(http(authorization, { status: '401 Unauthorized' })),
  ({ socket, authorization }) => socket.end(`${authorization}\r\n\r\n`),
  ({ socket, authorization }) => socket.end(`HTTP/1.1 200 ${authorization}\r\nContent-Length: zz\r\n\r\n`),
  ({ socket, authorization }) =>
    socket.end(`HTTP/1.1 200 OK\r\nX-Echo: ${authorization}\r\nContent-Length: 500\r\n\r\nx`),
  ({ socket, authorization }) => socket.end(`${sseHead}5\r\ndata:${authorization}`),
  ({ socket }) => socket.resetAndDestroy(),
];

it('at the finest level and under all kinds of traffic, the log holds no secret', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'broker-log-'));
  const agent = await rawAgent();
  const broker = await startBroker({ directory, port: await freePort(), env: { LOG_LEVEL: 'trace' } });
  const secrets = new Secrets();
  secrets.add('the operator token', operatorToken);
  secrets.add('the master key', (await readFile(join(directory, 'master.key'), 'utf8')).trim());
  try {
    const market = await openMarket({ url: broker.url, token: operatorToken }, agent.url);
    await call(market, 'POST', '/v1/meters', { key: 'searches', aggregation: 'sum', unit: 'searches' });
    const tenant = await market.addTenant('acme');
    const assertionOf = async (party: Party, client: string) =>
      secrets.add('a client assertion', await clientAssertion(party, client, market.url));
    const idToken = async () => secrets.add('an ID token', await tenant.idToken());
    const exchange = async (change: Record<string, string> = {}) =>
      post(market, {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
        client_assertion: await assertionOf(tenant.client, tenant.clientId),
        subject_token: await idToken(),
        subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
        audience: market.agent,
        ...change,
      });

    // At the token endpoint: what works, and what is refused at every stage.
    const token = secrets.add(
      'an access token',
      (JSON.parse(await exchange()) as { access_token: string }).access_token,
    );
    const stranger = await newParty();
    await exchange({ client_assertion: await assertionOf(stranger, tenant.clientId) });
    await exchange({ client_assertion: await assertionOf(stranger, 'nobody') });
    await exchange({
      subject_token: secrets.add('a forged token', await stranger.sign({ iss: tenant.issuer, sub: 'x' })),
    });
    await exchange({ subject_token: secrets.add('a broken token', `${token}x`) });
    await exchange({ audience: 'no/such' });
    await exchange({ client_secret: secrets.add('a client secret', 'a-secret-that-somebody-sent') });
    const replayed = await assertionOf(tenant.client, tenant.clientId);
    for (let n = 0; n < 2; n++) await exchange({ client_assertion: replayed });

    // At the management API.
    const provider = secrets.add('a management token', await market.providerToken());
    await postUsage(market, provider, [
      usageEvent(market, { tenant: 'acme', delegation: delegationOf(token), meter: 'searches' }),
      { nonsense: true },
    ]);
    for (const bearer of [token, `${provider}x`, secrets.add('a wrong token', 'wrong-token-of-somebody')])
      await fetch(`${market.url}/v1/tenants`, {
        headers: { authorization: `Bearer ${bearer}`, cookie: `session=${bearer}` },
      });
    await fetch(`${market.url}/v1/tenants?access_token=${token}`);
    const { d } = await exportJWK((await newParty()).privateKey);
    await fetch(`${market.url}/v1/clients`, {
      method: 'POST',
      headers: { authorization: `Bearer ${operatorToken}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        name: 'x',
        owner: 'provider:skyways',
        grantTypes: ['client_credentials'],
        jwks: { keys: [{ kty: 'EC', d: secrets.add('a private key', d ?? '') }] },
      }),
    });

    // At the gateway, with agents that do their worst.
    const line = await openLine(market, tenant, token);
    agent.on((received) => {
      secrets.add('the token for the agent', received.authorization.replace('Bearer ', ''));
      misbehaviours[0]?.(received);
    });
    await line.call('SendMessage', say('hi'));
    for (const misbehaviour of misbehaviours) {
      agent.on(misbehaviour);
      await line.call('SendMessage', say('hi'));
      const response = await line.open('SendStreamingMessage', say('hi'));
      if (response.headers.get('content-type') === 'text/event-stream')
        for await (const _ of eventsOf(response));
      else await response.text();
    }
    for (const bearer of [`${token}x`, operatorToken, provider])
      await (await openLine(market, tenant, bearer)).call('SendMessage', say('hi'));
    await line.call('GetTask', { id: token });
  } finally {
    await broker.stop();
    await agent.close();
    await rm(directory, { recursive: true, force: true });
  }
  const log = broker.output();
  expect(secrets.size).toBeGreaterThan(30);
  expect(log).toContain('"level":"debug"');
  expect(secrets.foundIn(log)).toEqual([]);
  expect(log).not.toMatch(/bearer [a-z0-9]|eyJ[A-Za-z0-9_-]{10}/i);
}, 60_000);
