import { decodeJwt } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type AboutTokenAnswer, askAbout, directToken, flightsOf } from './about-token.ts';
import { newProofKey } from '../support/dpop.ts';
import { flightsUrl, openStage, type Stage } from './stage.ts';

let stage: Stage;
let token: string;
let answer: AboutTokenAnswer;
beforeAll(async () => {
  stage = await openStage();
  token = await directToken(stage);
  answer = await askAbout(stage, 'introspect', flightsOf(stage), { token });
});
afterAll(() => stage.close());

const introspect = (form: Readonly<Record<string, string | undefined>>) =>
  askAbout(stage, 'introspect', flightsOf(stage), form);

describe('RFC 7662, OAuth 2.0 Token Introspection', () => {
  it('§2 is found in the metadata', async () => {
    const metadata = await fetch(`${stage.url}/.well-known/oauth-authorization-server`);
    expect(await metadata.json()).toMatchObject({
      introspection_endpoint: `${stage.url}/oauth/introspect`,
      introspection_endpoint_auth_methods_supported: ['private_key_jwt'],
    });
  });

  it('§2.1 takes POST only', async () => {
    const response = await fetch(`${stage.url}/oauth/introspect?token=${token}`);
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'POST']);
  });

  it('§2.1 needs a token', async () => {
    const { status, body } = await introspect({});
    expect([status, body['error']]).toEqual([400, 'invalid_request']);
  });

  it('§2.1 does not need the hint, and a wrong one changes nothing', async () => {
    for (const token_type_hint of ['access_token', 'refresh_token', 'saml'])
      expect((await introspect({ token, token_type_hint })).body).toEqual(answer.body);
  });

  it('§2.1 demands that the protected resource authenticates', async () => {
    const response = await fetch(`${stage.url}/oauth/introspect`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: new URLSearchParams({ token }),
    });
    expect([response.status, await response.json()]).toEqual([
      401,
      expect.objectContaining({ error: 'invalid_client' }),
    ]);
  });

  it('§2.2 tells the token’s audience what it is about, in the registered members', () => {
    const claims = decodeJwt(token);
    expect(answer.status).toBe(200);
    expect(answer.headers.get('content-type')).toMatch(/^application\/json\b/);
    expect(answer.body).toEqual({ active: true, token_type: 'Bearer', ...claims });
    expect(answer.body).toMatchObject({
      scope: 'a2a:invoke a2a:read',
      client_id: stage.acme.clientId,
      sub: expect.stringMatching(/^v1\./) as string,
      aud: flightsUrl,
      iss: stage.url,
      exp: expect.any(Number) as number,
      iat: expect.any(Number) as number,
      jti: expect.any(String) as string,
    });
  });

  it('§2.2 says of a bound token to which key it is bound (RFC 9449 §6.2)', async () => {
    const key = await newProofKey();
    const bound = await stage.exchange(
      { audience: undefined, resource: flightsUrl },
      { DPoP: await key.proof({ url: `${stage.url}/oauth/token` }) },
    );
    const { body } = await introspect({ token: bound.body.access_token });
    expect(body).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt: key.jkt } });
  });

  it('§2.2 says no more of an inactive token than that', async () => {
    for (const other of ['nonsense', `${token}x`, 'a.b.c']) {
      const { status, text } = await introspect({ token: other });
      expect([status, text]).toEqual([200, '{"active":false}']);
    }
  });

  it('§2.2 is not cached', () => {
    expect(answer.headers.get('cache-control')).toBe('no-store');
  });

  it('§2.3 refuses in the words of RFC 6749', async () => {
    const { status, body } = await introspect({ token, client_assertion: 'x' });
    expect([status, body]).toEqual([
      401,
      { error: 'invalid_client', error_description: expect.any(String) as string },
    ]);
  });

  it('§4 answers that a revoked token is not active', async () => {
    const revoked = await directToken(stage);
    expect((await introspect({ token: revoked })).body['active']).toBe(true);
    const { clientId, client } = stage.acme;
    await askAbout(stage, 'revoke', { clientId, client }, { token: revoked });
    expect((await introspect({ token: revoked })).text).toBe('{"active":false}');
  });

  it('§4 tells a protected resource only of tokens for it', async () => {
    const { body } = await stage.exchange();
    expect((await introspect({ token: body.access_token })).text).toBe('{"active":false}');
  });
});
