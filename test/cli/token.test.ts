import { decodeJwt, exportJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort } from '../support/broker-process.ts';
import { newParty } from '../support/party.ts';
import { words } from './commands.ts';
import { cli, type Outcome, type Setting } from './run.ts';
import { openStory, type Story } from './story.ts';

let story: Story;
let asAcme: string;
beforeAll(async () => {
  story = await openStory();
  asAcme = `--client-id ${story.acme.clientId} --key ${await story.keyFile(story.acme.client)}`;
});
afterAll(() => story.close());

const run = (line: string, setting: Setting = {}): Promise<Outcome> =>
  cli(words(line), { ...setting, env: { BROKER_URL: story.broker.url, ...setting.env } });

const exchange = 'token exchange --agent skyways/flights';

describe('token exchange', () => {
  it('prints the token alone, so that it can go into a variable or a file', async () => {
    const idToken = await story.file('id-token.txt', await story.acme.idToken());
    const { code, out, err } = await run(`${exchange} ${asAcme} --subject-token-file ${idToken}`);
    expect({ code, err }).toEqual({ code: 0, err: '' });
    expect(out).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    expect(decodeJwt(out.trim())).toMatchObject({
      iss: story.broker.url,
      aud: `${story.broker.url}/a2a/skyways/flights`,
      tenant: 'acme',
    });
  });

  it('takes the subject token from standard input, and with --decode shows what is in the new one', async () => {
    const stdin = await story.acme.idToken('user-7');
    const { code, out } = await run(
      `${exchange} ${asAcme} --scope a2a:read --subject-token-file - --decode`,
      { stdin },
    );
    expect(code).toBe(0);
    expect(out).toMatch(/^tenant +acme$/m);
    expect(out).toMatch(/^scope +a2a:read$/m);
    expect(out).not.toMatch(/eyJ/);
    expect(out).not.toContain('user-7');
  });

  it('with --json gives token, expiry and scope, and with --decode the claims too', async () => {
    const line = `${exchange} ${asAcme} --subject-token-file - --json`;
    const plain = await run(line, { stdin: await story.acme.idToken() });
    expect(Object.keys(JSON.parse(plain.out) as object)).toEqual([
      'accessToken',
      'tokenType',
      'expiresAt',
      'scope',
    ]);
    const decoded = await run(`${line} --decode`, { stdin: await story.acme.idToken() });
    const { accessToken, claims } = JSON.parse(decoded.out) as { accessToken: string; claims: object };
    expect(claims).toEqual(decodeJwt(accessToken));
  });

  it('takes the key from standard input instead, but not both', async () => {
    const idToken = await story.file('id-token.txt', await story.acme.idToken());
    const party = story.acme.client;
    const key = JSON.stringify({ ...(await exportJWK(party.privateKey)), kid: party.jwks.keys[0]?.kid });
    const line = `${exchange} --client-id ${story.acme.clientId} --key -`;
    expect(await run(`${line} --subject-token-file ${idToken}`, { stdin: key })).toMatchObject({ code: 0 });
    expect(await run(`${line} --subject-token-file -`, { stdin: key })).toMatchObject({
      code: 2,
      err: expect.stringContaining('Only one thing') as string,
    });
  });

  it.each([
    ['another agent', 'token exchange --agent skyways/nowhere', /subscribed to it.*\(400 invalid_target\)/],
    ['a scope that is not allowed', `${exchange} --scope admin`, /invalid_scope/],
    ['no agent', 'token exchange', /--agent provider\/agent, or --resource/, 2],
    ['an empty scope', `${exchange} --scope ,`, /empty scope/, 2],
    [
      'a type that is none',
      `${exchange} --subject-token-type saml`,
      /Allowed choices are id_token, access_token, jwt/,
      2,
    ],
  ])('is refused for %s', async (_, line, message, code = 3) => {
    const stdin = await story.acme.idToken();
    const outcome = await run(`${line} ${asAcme} --subject-token-file -`, { stdin });
    expect(outcome.err.replaceAll(/\s+/g, ' ')).toMatch(message);
    expect(outcome).toMatchObject({ code, out: '' });
    expect(outcome.err).not.toContain(stdin);
  });

  it('is refused with a key that is not registered, without showing it', async () => {
    const stranger = await newParty();
    const key = await story.keyFile(stranger);
    const { code, err } = await run(
      `${exchange} --client-id ${story.acme.clientId} --key ${key} --subject-token-file -`,
      { stdin: await story.acme.idToken() },
    );
    expect({ code, err }).toMatchObject({
      code: 3,
      err: expect.stringContaining('(401 invalid_client)') as string,
    });
    expect(err).not.toContain((await exportJWK(stranger.privateKey)).d);
  });

  it('ends with 4 when there is no broker', async () => {
    const env = { BROKER_URL: `http://127.0.0.1:${await freePort()}` };
    const outcome = await run(`${exchange} ${asAcme} --subject-token-file -`, { stdin: 'a.b.c', env });
    expect(outcome).toMatchObject({ code: 4, out: '' });
  });
});

describe('the private key', () => {
  const using = async (content: unknown) => {
    const path = await story.file('key.jwk', content);
    return run(`${exchange} --client-id ${story.acme.clientId} --key ${path} --subject-token-file -`, {
      stdin: await story.acme.idToken(),
    });
  };

  it('may be in a key set, among public ones', async () => {
    const { client } = story.acme;
    const own = { ...(await exportJWK(client.privateKey)), kid: client.jwks.keys[0]?.kid };
    expect(await using({ keys: [...(await newParty()).jwks.keys, own] })).toMatchObject({ code: 0 });
  });

  it.each([
    ['public', async () => (await newParty()).jwks, /holds no private key/],
    [
      'one of two',
      async () => ({
        keys: [
          await exportJWK((await newParty()).privateKey),
          await exportJWK((await newParty()).privateKey),
        ],
      }),
      /several private keys/,
    ],
    [
      'of a kind that is not accepted',
      () => Promise.resolve({ kty: 'oct', k: 'c2VjcmV0', d: 'c2VjcmV0' }),
      /cannot be used/,
    ],
    [
      'damaged',
      () => Promise.resolve({ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA', d: 'c2VjcmV0' }),
      /cannot be used/,
    ],
  ])('is refused when it is %s, and never shown', async (_, content, message) => {
    const { code, out, err } = await using(await content());
    expect(err).toMatch(message);
    expect({ code, out }).toEqual({ code: 2, out: '' });
    expect(err).not.toContain('c2VjcmV0');
  });
});

describe('token redeem, and an ID-JAG from token exchange', () => {
  const server = 'https://login.skyways.example';
  const resource = 'https://direct.skyways.example';

  it('go from a deployment’s authorization server to an assertion for it, and from an assertion to a token', async () => {
    const op = '--token-file ' + (await story.file('operator.txt', story.broker.token));
    const jwks = await story.file('server.json', (await newParty()).jwks);
    const lines = [
      `issuers add provider:skyways --issuer ${server} --jwks-file ${jwks} ${op}`,
      `agents deploy skyways/flights --id direct --model pooled --url https://direct.skyways.example/rpc --resource ${resource} --authorization-server ${server} ${op}`,
      `agents redeploy skyways/flights direct --state draining ${op}`,
      `clients issuer-ids acme-app --issuer-client-id ${story.acme.issuer}=app --issuer-client-id ${server}=acme ${op}`,
    ];
    for (const line of lines) expect(await run(line)).toMatchObject({ code: 0, err: '' });

    const idToken = await story.file('id-token.txt', await story.acme.idToken());
    const ask = `token exchange ${asAcme} --resource ${resource} --subject-token-file ${idToken}`;
    const got = await run(`${ask} --requested-token-type id-jag`);
    expect(got).toMatchObject({ code: 0, err: '' });
    expect(decodeJwt(got.out.trim())).toMatchObject({ aud: server, client_id: 'acme', resource });

    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: story.acme.issuer, sub: 'u', aud: story.broker.url, client_id: 'acme-app' };
    const stdin = await story.acme.idp.sign(
      { ...claims, jti: 'a', iat: now, exp: now + 60, scope: 'a2a:read' },
      { typ: 'oauth-id-jag+jwt' },
    );
    const redeem = `token redeem ${asAcme} --agent skyways/flights --assertion-file -`;
    const redeemed = await run(redeem, { stdin });
    expect(decodeJwt(redeemed.out.trim())).toMatchObject({ tenant: 'acme', scope: 'a2a:read' });
    expect(await run(redeem, { stdin })).toMatchObject({
      code: 3,
      err: expect.stringContaining('(400 invalid_grant)') as string,
    });
    expect(
      await run(`agents redeploy skyways/flights direct --authorization-server none ${op}`),
    ).toMatchObject({
      code: 0,
      out: expect.not.stringContaining(server) as string,
    });
  });
});

describe('token client-credentials', () => {
  it('gives a token with which the commands may do what its client may, and no more', async () => {
    const key = await story.keyFile(story.market.providerClient);
    const { code, out } = await run(
      `token client-credentials --client-id skyways-usage --key ${key} --scope usage:read`,
    );
    expect(code).toBe(0);
    const token = await story.file('token.txt', out);
    expect(await run(`usage show --token-file ${token}`)).toMatchObject({ code: 0 });
    expect(await run(`tenants list --token-file ${token}`)).toMatchObject({
      code: 3,
      err: expect.stringContaining('(403 forbidden)') as string,
    });
  });
});

describe('token … --dpop', () => {
  it('gets a token that is bound to the key, and makes the proofs with which it is used', async () => {
    const holder = await newParty();
    const dpop = await story.keyFile(holder);
    const stdin = await story.acme.idToken();
    const { out, code } = await run(`${exchange} ${asAcme} --dpop ${dpop} --subject-token-file -`, { stdin });
    const token = out.trim();
    expect([code, decodeJwt(token)['cnf']]).toEqual([0, { jkt: expect.any(String) as string }]);
    const url = `${story.broker.url}/a2a/skyways/flights/jsonrpc`;
    const tokenFile = await story.file('bound.txt', token);
    const proof = await run(`token proof --dpop ${dpop} --url ${url} --token-file ${tokenFile}`);
    const ask = (headers: Record<string, string>) =>
      fetch(url, {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'a2a-version': '1.0', ...headers },
        body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 'none' } }),
      });
    expect((await ask({ authorization: `DPoP ${token}`, dpop: proof.out.trim() })).status).toBe(200);
    expect((await ask({ authorization: `Bearer ${token}` })).status).toBe(401);
  });

  it('gets a token for the management API, which other commands use with the key and not without', async () => {
    const holder = await newParty();
    const dpop = await story.keyFile(holder);
    const { market } = story;
    const asProvider = `--client-id ${market.providerClientId} --key ${await story.keyFile(market.providerClient)}`;
    const got = await run(`token client-credentials ${asProvider} --dpop ${dpop}`);
    const tokenFile = await story.file('bound-api.txt', got.out);
    const bound = await run(`usage show --token-file ${tokenFile} --dpop ${dpop}`);
    expect([bound.code, bound.err]).toEqual([0, '']);
    expect(await run(`usage show --token-file ${tokenFile}`)).toMatchObject({ code: 3 });
    expect(await run(`usage show --dpop ${dpop}`)).toMatchObject({
      code: 2,
      err: expect.stringContaining('--token-file') as string,
    });
  });

  it('puts a nonce into a proof, and prints JSON when asked', async () => {
    const dpop = await story.keyFile(await newParty());
    const line = `token proof --dpop ${dpop} --url ${story.broker.url}/oauth/token --nonce abc --json`;
    const { proof } = JSON.parse((await run(line)).out) as { proof: string };
    expect(decodeJwt(proof)).toMatchObject({ htm: 'POST', nonce: 'abc' });
  });

  it('says what is wrong with a key, an address', async () => {
    const dpop = await story.keyFile(await newParty());
    expect(await run(`token proof --dpop ${dpop} --url here`)).toMatchObject({
      code: 2,
      err: expect.stringContaining('--url must be') as string,
    });
    const other = await story.file('odd.jwk', { kty: 'EC', crv: 'P-521', d: 'AA', x: 'AA', y: 'AA' });
    expect(await run(`token proof --dpop ${other} --url ${story.broker.url}`)).toMatchObject({
      code: 2,
      err: expect.stringContaining('cannot be used') as string,
    });
  });
});
