import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { askAbout, directToken, flightsOf } from './about-token.ts';
import { openStage, type Stage } from './stage.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

const issued = async () => (await stage.exchange()).body.access_token ?? '';
const revoke = (form: Readonly<Record<string, string | undefined>>) =>
  askAbout(stage, 'revoke', stage.acme, form);
/** 200: let in as far as the task, which does not exist. */
const callAgent = async (token: string, agent = stage.market.agent) => {
  const response = await fetch(`${stage.url}/a2a/${agent}/jsonrpc`, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'a2a-version': '1.0',
      authorization: `Bearer ${token}`,
    },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'GetTask', params: { id: 't' } }),
  });
  return response.status;
};
const readQuarantine = async (token: string) => {
  const response = await fetch(`${stage.url}/v1/usage/quarantine?provider=skyways`, {
    headers: { authorization: `Bearer ${token}` },
  });
  return response.status;
};

describe('RFC 7009, OAuth 2.0 Token Revocation', () => {
  it('§2 is found in the metadata', async () => {
    const metadata = await fetch(`${stage.url}/.well-known/oauth-authorization-server`);
    expect(await metadata.json()).toMatchObject({
      revocation_endpoint: `${stage.url}/oauth/revoke`,
      revocation_endpoint_auth_methods_supported: ['private_key_jwt'],
    });
  });

  it('§2.1 makes a token invalid at once, for every use', async () => {
    const token = await issued();
    expect(await callAgent(token)).toBe(200);
    const { status, text } = await revoke({ token });
    expect([status, text]).toEqual([200, '']);
    expect(await callAgent(token)).toBe(403);
    expect((await stage.passOn(token)).body.error).toBe('invalid_request');
  });

  it('§2.1 also a token for the management API', async () => {
    const { body } = await stage.clientCredentials();
    const [token, other] = [
      body.access_token ?? '',
      (await stage.clientCredentials()).body.access_token ?? '',
    ];
    expect(await readQuarantine(token)).toBe(200);
    const { providerClientId: clientId, providerClient: client } = stage.market;
    await askAbout(stage, 'revoke', { clientId, client }, { token });
    expect([await readQuarantine(token), await readQuarantine(other)]).toEqual([401, 200]);
  });

  it('§2.1 needs a token, and a client that authenticates', async () => {
    const token = await issued();
    expect((await revoke({})).body['error']).toBe('invalid_request');
    const anonymous = await fetch(`${stage.url}/oauth/revoke`, {
      method: 'POST',
      body: new URLSearchParams({ token }),
    });
    expect(anonymous.status).toBe(401);
    expect(await callAgent(token)).toBe(200);
  });

  it('§2.1 a token of another client stays as it is', async () => {
    const token = await issued();
    const { status, text } = await askAbout(stage, 'revoke', flightsOf(stage), { token });
    expect([status, text]).toEqual([200, '']);
    expect(await callAgent(token)).toBe(200);
  });

  it('§2.1 a wrong hint changes nothing', async () => {
    for (const token_type_hint of ['access_token', 'refresh_token', 'other']) {
      const token = await issued();
      expect((await revoke({ token, token_type_hint })).status).toBe(200);
      expect(await callAgent(token)).toBe(403);
    }
  });

  it('§2.1 what was made from the token stops with it', async () => {
    const token = await directToken(stage);
    const { body } = await stage.passOn(token);
    const onward = body.access_token ?? '';
    expect(await callAgent(onward, 'skyways/trains')).toBe(200);
    await revoke({ token });
    expect(await callAgent(onward, 'skyways/trains')).toBe(403);
  });

  it('§2.2 answers 200 also for what is no token, and for one that is revoked already', async () => {
    const token = await issued();
    for (const sent of ['nonsense', token, token, `${token}x`])
      expect([(await revoke({ token: sent })).status, sent]).toEqual([200, sent]);
  });

  it('§2.2.1 says that it revokes access tokens only', async () => {
    const [header] = (await issued()).split('.');
    const { kid } = JSON.parse(Buffer.from(header ?? '', 'base64url').toString()) as { kid: string };
    const other = Buffer.from(JSON.stringify({ alg: 'ES256', typ: 'oauth-id-jag+jwt', kid })).toString(
      'base64url',
    );
    const { status, body } = await revoke({ token: `${other}.e30.${'A'.repeat(86)}` });
    expect([status, body['error']]).toEqual([400, 'unsupported_token_type']);
  });
});
