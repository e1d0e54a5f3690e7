import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createOutbound } from '../../src/outbound/index.ts';
import { createLog } from '../../src/telemetry/log.ts';
import { openLine, say } from '../support/a2a.ts';
import { call, cardFor } from '../support/market.ts';
import { latestAudit } from './audit.ts';
import { hostileServer, type HostileServer, json } from './hostile-server.ts';
import { addProgram, openStage, type Stage } from './stage.ts';
import { exchange, managementToken, tokenOf } from './token-endpoint.ts';

/** What names resolve to; the attacker owns the zone. */
const zone: Readonly<Record<string, readonly string[]>> = {
  'loopback.evil.example': ['127.0.0.1'],
  'metadata.evil.example': ['169.254.169.254'],
  'private.evil.example': ['10.0.0.1'],
  'mapped.evil.example': ['::ffff:127.0.0.1'],
  'six.evil.example': ['::1'],
  'compatible.evil.example': ['::7f00:1'],
  'nat64.evil.example': ['64:ff9b::7f00:1'],
  'six-to-four.evil.example': ['2002:7f00:1::'],
  'local.evil.example': ['fd00:ec2::254'],
  'azure.evil.example': ['168.63.129.16'],
  'one-of-two.evil.example': ['203.0.114.1', '127.0.0.1'],
  'nothing.evil.example': [],
};

/** A broker as it runs on the Internet, and something inside that only it could reach. */
let stage: Stage;
let inside: HostileServer;
let asAcme: string;
const openOutbound = createOutbound({
  log: createLog({ level: 'silent' }),
  allowPrivateNetwork: false,
  resolve: (name) => {
    const addresses = zone[name];
    if (addresses === undefined) return Promise.reject(new Error(`no such name: ${name}`));
    return Promise.resolve(addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })));
  },
});
beforeAll(async () => {
  inside = await hostileServer(json(cardFor('https://agent.example/rpc')));
  stage = await openStage({ outbound: openOutbound });
  const program = await addProgram(stage, {
    id: 'acme-admin',
    owner: 'tenant:acme',
    scopes: ['trust:write'],
  });
  asAcme = await managementToken(stage, program);
});
afterAll(async () => {
  await stage.close();
  await inside.close();
});

/** `PORT` is where something listens inside. */
const targets = [
  'https://127.0.0.1:PORT/',
  'http://127.0.0.1:PORT/',
  'https://localhost:PORT/',
  'https://127.1:PORT/',
  'https://0x7f.1:PORT/',
  'https://0x7f000001:PORT/',
  'https://2130706433:PORT/',
  'https://017700000001:PORT/',
  'https://0:PORT/',
  'https://①②⑦.⓪.⓪.①:PORT/',
  'https://127.0.0.1.:PORT/',
  'https://[::1]:PORT/',
  'https://[::]:PORT/',
  'https://[::127.0.0.1]:PORT/',
  'https://[::ffff:127.0.0.1]:PORT/',
  'https://[::ffff:7f00:1]:PORT/',
  'https://[64:ff9b::127.0.0.1]:PORT/',
  'https://[2002:7f00:1::]:PORT/',
  'https://169.254.169.254/latest/meta-data/',
  'https://[fd00:ec2::254]/latest/meta-data/',
  'https://100.100.100.200/',
  'https://168.63.129.16/machine',
  'https://10.0.0.1/',
  'https://user:secret@127.0.0.1:PORT/',
  ...Object.keys(zone).map((name) => `https://${name}:PORT/`),
].map((url) => [url] as const);

let registered = 0;
const at = (url: string) => url.replace('PORT', String(inside.port));

async function post(path: string, body: unknown): Promise<string> {
  stage.store.written();
  const response = await fetch(`${stage.url}${path}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const { code } = (await response.json()) as { code?: string };
  expect(stage.store.written()).toEqual(new Set());
  return `${response.status} ${code}`;
}

describe('the broker is not made to fetch what is inside', () => {
  it.each(targets)('as a key set: %s', async (url) => {
    const refused = /^422 keys_unusable$|^400 invalid_request$/;
    const jwksUri = at(url);
    expect(await post('/v1/tenants/acme/issuers', { issuer: 'https://x.acme.example', jwksUri })).toMatch(
      refused,
    );
    expect(
      await post('/v1/clients', {
        name: 'x',
        owner: 'tenant:acme',
        grantTypes: ['client_credentials'],
        jwksUri,
      }),
    ).toMatch(refused);
    expect(inside.connections()).toBe(0);
  });

  it.each(targets)('as the metadata and proof of an issuer: %s', async (url) => {
    const made = await fetch(`${stage.url}/v1/tenants/acme/issuers`, {
      method: 'POST',
      headers: { authorization: `Bearer ${asAcme}`, 'content-type': 'application/json' },
      body: JSON.stringify({ issuer: at(url).replace(/\/$/, ''), jwks: stage.acme.idp.jwks }),
    });
    const { id = 'none' } = (await made.json()) as { id?: string };
    const verified = await fetch(`${stage.url}/v1/tenants/acme/issuers/${id}/verify`, {
      method: 'POST',
      headers: { authorization: `Bearer ${asAcme}`, 'content-type': 'application/json' },
      body: '{}',
    });
    // Refused as a text already, or found to be unreachable, whatever is there.
    const { code, detail } = (await verified.json()) as { code: string; detail: string };
    expect([made.status, code]).toEqual(made.status === 201 ? [201, 'issuer_unproven'] : [400, 'not_found']);
    expect(detail).not.toMatch(/127\.0\.0\.1|evil|169\.254/);
    expect(inside.connections()).toBe(0);
  });

  it.each(targets)('as a card: %s', async (url) => {
    expect(await post('/v1/providers/skyways/agents', { id: 'inner', cardUrl: at(url) })).toMatch(
      /^422 card_unreachable$|^400 invalid_request$/,
    );
    expect(inside.connections()).toBe(0);
  });

  it.each(targets.filter(([url]) => !url.includes('@')))('as an agent to call: %s', async (url) => {
    const id = `inner-${++registered}`;
    const response = await fetch(`${stage.url}/v1/providers/skyways/agents`, {
      method: 'POST',
      headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/json' },
      body: JSON.stringify({ id, card: cardFor(at(url)), resource: `urn:skyways:${id}` }),
    });
    // Registered by its text; what a name stands for is asked when it is called, each time.
    expect(response.status).toBe(201);
    const agent = `skyways/${id}`;
    await call(stage, 'POST', `/v1/agents/${agent}/publish`, { reason: 'test' });
    await call(stage, 'POST', '/v1/tenants/acme/subscriptions', { agent });
    const token = tokenOf(await exchange(stage, stage.acme, { audience: agent }));
    const line = await openLine({ ...stage.market, agent }, stage.acme, token);
    for (const method of ['SendMessage', 'SendStreamingMessage']) {
      const got = await line.call(method, say('hi'));
      expect([got.status, got.reason]).toEqual([502, 'UPSTREAM_UNREACHABLE']);
      expect(got.text.replaceAll(new URL(stage.url).host, 'broker')).not.toMatch(
        /127\.0\.0\.1|evil|169\.254/,
      );
    }
    expect(await latestAudit(stage)).toMatchObject({ outcome: 'refused', reason: 'UPSTREAM_UNREACHABLE' });
    expect(inside.connections()).toBe(0);
  });

  it.each(targets)('as an authorization server that gives tokens for an agent: %s', async (url) => {
    const issuer = at(url);
    const send = async (method: string, path: string, body: unknown) =>
      fetch(`${stage.url}${path}`, {
        method,
        headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/json' },
        body: JSON.stringify(body),
      });
    const deployment = `/v1/agents/${stage.market.agent}/deployments/default`;
    const taken = [
      await send('POST', '/v1/providers/skyways/issuers', { issuer, jwks: stage.acme.idp.jwks }),
      await send('PATCH', deployment, { authorizationServer: issuer }),
    ];
    const got = await (await openLine(stage.market, stage.acme)).call('SendMessage', say('hi'));
    await send('PATCH', deployment, { authorizationServer: null });
    // What is no issuer is refused at once; else it is asked when somebody calls, and not reached.
    const isTaken = taken.every(({ ok }) => ok);
    const untouched = '502 UPSTREAM_UNREACHABLE';
    expect([isTaken || url.includes('@'), `${got.status} ${got.reason}`]).toEqual([true, untouched]);
    expect(got.text).not.toContain('evil');
    expect(inside.connections()).toBe(0);
  });

  it('and does not tell what it found there: refused and silent addresses are answered alike', async () => {
    const answers = await Promise.all(
      ['https://10.0.0.1/', 'https://127.0.0.1:1/', at('https://127.0.0.1:PORT/')].map(async (cardUrl) => {
        const response = await fetch(`${stage.url}/v1/providers/skyways/agents`, {
          method: 'POST',
          headers: { authorization: `Bearer ${stage.token}`, 'content-type': 'application/json' },
          body: JSON.stringify({ id: 'inner', cardUrl }),
        });
        return { ...((await response.json()) as object), requestId: '' };
      }),
    );
    expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  });
});
