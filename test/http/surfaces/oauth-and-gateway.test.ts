import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLine, say } from '../../support/a2a.ts';
import { clientAssertion } from '../../support/party.ts';
import { type Bad, malformed, tenMegabytes } from './bad-bodies.ts';
import { records } from './refusals.ts';
import { type Furnished, furnish } from './furnished.ts';
import { rawRequest } from './raw-request.ts';

let world: Furnished;
beforeAll(async () => {
  world = await furnish();
});
afterAll(() => world.close());

describe('the token endpoint', () => {
  const exchange = 'urn:ietf:params:oauth:grant-type:token-exchange';

  it('refuses whatever makes no sense, and leaves nothing behind but the record of it', async () => {
    const { market, tenant } = world;
    const form = 'application/x-www-form-urlencoded';
    const assertion = () => clientAssertion(tenant.client, tenant.clientId, market.url);
    const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer';
    const authenticated = async (rest: Record<string, string>) =>
      new URLSearchParams({
        client_assertion_type: assertionType,
        client_assertion: await assertion(),
        ...rest,
      }).toString();
    const good = {
      grant_type: exchange,
      subject_token: await tenant.idToken(),
      subject_token_type: 'urn:ietf:params:oauth:token-type:id_token',
      audience: market.agent,
    };
    const bodies: readonly (readonly [string, string, number])[] = [
      ['', form, 400],
      ['{"grant_type":"client_credentials"}', 'application/json', 400],
      ['grant_type=client_credentials', 'text/plain', 400],
      ['grant_type=client_credentials&grant_type=client_credentials', form, 400],
      ['grant_type=', form, 400],
      ['grant_type=__proto__', form, 400],
      ['grant_type=password&username=a&password=b', form, 400],
      ['grant_type=client_credentials&client_id=a&client_secret=b', form, 401],
      [
        `grant_type=client_credentials&client_assertion=a.b.c&client_assertion_type=${assertionType}`,
        form,
        401,
      ],
      [
        `grant_type=client_credentials&client_assertion=%00&client_assertion_type=${assertionType}`,
        form,
        401,
      ],
      ['%'.repeat(1000), form, 400],
      ['a=b&'.repeat(10_000), form, 400],
      [`grant_type=${'x'.repeat(70_000)}`, form, 400],
      [`a=${tenMegabytes.toString()}`, form, 413],
      [await authenticated({ ...good, subject_token: 'x'.repeat(20_000) }), form, 400],
      [await authenticated({ ...good, subject_token: `${'['.repeat(3000)}.e.e` }), form, 400],
      [await authenticated({ ...good, subject_token_type: '\u0000' }), form, 400],
      [await authenticated({ ...good, audience: 'no-such/agent' }), form, 400],
      [await authenticated({ ...good, audience: '\u0000/\u0000' }), form, 400],
      [await authenticated({ ...good, resource: 'not a url' }), form, 400],
      [await authenticated({ ...good, scope: 'a\tb' }), form, 400],
      [await authenticated({ ...good, scope: 'no-such-scope' }), form, 400],
      [await authenticated({ ...good, requested_token_type: 'x' }), form, 400],
    ];
    const before = await assertionsAside();
    for (const [body, type, status] of bodies) {
      const answer = await rawRequest(market.url, {
        method: 'POST',
        path: '/oauth/token',
        headers: { 'content-type': type },
        body,
      });
      const said = { body: body.slice(0, 80), status: answer.status, ...(JSON.parse(answer.text) as object) };
      expect(said).toEqual({
        body: body.slice(0, 80),
        status,
        error: expect.stringMatching(/^(?:invalid_|unsupported_)/) as string,
        error_description: expect.any(String) as string,
      });
    }
    expect(await assertionsAside()).toBe(before);
  });

  /** An assertion is used up by the attempt; that is on record. */
  async function assertionsAside(): Promise<string> {
    return JSON.stringify(
      (JSON.parse(await records(world)) as { partition: string }[]).filter(
        ({ partition }) => !partition.startsWith('assertion#'),
      ),
    );
  }
});

describe('the gateway', () => {
  it('refuses whatever makes no sense before anything is sent on, and leaves nothing behind', async () => {
    const { market, agent, tenant } = world;
    const line = await openLine(market, tenant);
    await line.call('SendMessage', say('so that the token is known'));
    const valid = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') });
    const type = 'application/json';
    const bads: readonly (readonly [Bad, number])[] = [
      ...malformed(type, valid)
        .filter(({ what }) => !/nesting in|member/.test(what))
        .map((bad): [Bad, number] => [
          bad,
          /content type/.test(bad.what) ? 415 : bad.what === '10 MB' ? 413 : 400,
        ]),
      [{ what: 'no version', type, body: valid, headers: { 'a2a-version': '' } }, 200],
      [{ what: 'another version', type, body: valid, headers: { 'a2a-version': '9.9' } }, 200],
      [{ what: 'no such method', type, body: valid.replace('SendMessage', '__proto__') }, 200],
      [{ what: 'params of another type', type, body: valid.replace(/"params":.*/, '"params":[]}') }, 200],
      [{ what: 'an id of another type', type, body: valid.replace('"id":1', '"id":{}') }, 400],
      [{ what: 'a fractional id', type, body: valid.replace('"id":1', '"id":1.5') }, 400],
      [{ what: 'a compressed body', type, body: valid, headers: { 'content-encoding': 'gzip' } }, 415],
      [{ what: 'no token', type, body: valid, headers: { authorization: 'Bearer x' } }, 401],
      [{ what: 'no such agent', path: '/a2a/no/such/jsonrpc', type, body: valid }, 401],
      [
        {
          what: 'a task that is not there',
          type,
          body: JSON.stringify({
            jsonrpc: '2.0',
            id: 1,
            method: 'GetTask',
            params: { id: '\u0000'.repeat(100) },
          }),
        },
        200,
      ],
    ];
    const before = await records(world);
    const calls = agent.calls.length;
    for (const [bad, status] of bads) {
      const answer = await rawRequest(market.url, {
        method: 'POST',
        path: bad.path ?? `/a2a/${market.agent}/jsonrpc`,
        headers: {
          'a2a-version': '1.0',
          authorization: `Bearer ${line.token}`,
          ...(bad.type === undefined ? {} : { 'content-type': bad.type }),
          ...bad.headers,
        },
        ...(bad.body === undefined ? {} : { body: bad.body }),
      });
      const { error, jsonrpc } = JSON.parse(answer.text) as {
        jsonrpc: string;
        error?: { data: { reason: string }[] };
      };
      expect([bad.what, answer.status, jsonrpc, typeof error?.data[0]?.reason]).toEqual([
        bad.what,
        status,
        '2.0',
        'string',
      ]);
    }
    expect(agent.calls.length).toBe(calls);
    expect(await records(world)).toBe(before);
  });
});
