import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { clientAssertion } from '../support/party.ts';
import { openStage, type Stage } from './stage.ts';
import { exchange, refusal, postForm, tokenType } from './token-endpoint.ts';

let stage: Stage;
beforeAll(async () => {
  stage = await openStage();
});
afterAll(() => stage.close());

describe('parameters never fall back to another meaning', () => {
  it.each([
    ['no grant', { grant_type: undefined }, 'invalid_request', 'grant_missing'],
    ['an empty grant', { grant_type: '' }, 'invalid_request', 'parameter_empty'],
    ['a password grant', { grant_type: 'password' }, 'unsupported_grant_type', 'grant_unknown'],
    ['a refresh grant', { grant_type: 'refresh_token' }, 'unsupported_grant_type', 'grant_unknown'],
    ['an inherited name', { grant_type: 'constructor' }, 'unsupported_grant_type', 'grant_unknown'],
    ['no subject', { subject_token: undefined }, 'invalid_request', 'subject_missing'],
    ['an empty subject', { subject_token: '' }, 'invalid_request', 'parameter_empty'],
    ['a subject without type', { subject_token_type: undefined }, 'invalid_request', 'subject_missing'],
    ['an empty actor', { actor_token: '' }, 'invalid_request', 'parameter_empty'],
    ['an empty audience', { audience: '' }, 'invalid_request', 'parameter_empty'],
    ['an empty resource', { resource: '' }, 'invalid_request', 'parameter_empty'],
    ['an empty scope', { scope: '' }, 'invalid_request', 'parameter_empty'],
    ['no target', { audience: undefined }, 'invalid_request', 'target_missing'],
  ])('%s', async (_, form, error, reason) => {
    expect(await refusal(stage, () => exchange(stage, stage.acme, form))).toBe(`400 ${error} ${reason}`);
  });

  it.each([
    'grant_type',
    'subject_token',
    'audience',
    'resource',
    'scope',
    'client_assertion',
    'actor_token',
  ])('%s sent twice', async (name) => {
    const { acme, url } = stage;
    const form = new URLSearchParams({
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await clientAssertion(acme.client, acme.clientId, url),
      subject_token: await acme.idToken(),
      subject_token_type: tokenType.idToken,
      audience: stage.market.agent,
    });
    form.append(name, form.get(name) ?? 'x');
    if (form.getAll(name).length === 1) form.append(name, 'y');
    expect(await refusal(stage, () => postForm(url, form.toString()))).toBe(
      '400 invalid_request parameter_twice',
    );
  });

  it('credentials in the query string, in Basic, or in JSON are not looked at', async () => {
    const { acme, url } = stage;
    const form = {
      grant_type: 'client_credentials',
      client_assertion_type: 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer',
      client_assertion: await clientAssertion(acme.client, acme.clientId, url),
    };
    const query = new URLSearchParams(form).toString();
    const inQuery = await fetch(`${url}/oauth/token?${query}`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials' }),
    });
    expect(inQuery.status).toBe(401);
    const basic = await postForm(url, 'grant_type=client_credentials', {
      authorization: `Basic ${Buffer.from('acme-app:secret').toString('base64')}`,
    });
    expect(basic.status).toBe(401);
    const asJson = await postForm(url, JSON.stringify(form), { 'content-type': 'application/json' });
    expect([asJson.status, asJson.body.error]).toEqual([400, 'invalid_request']);
    expect((await fetch(`${url}/oauth/token?${query}`)).status).toBe(405);
  });
});
