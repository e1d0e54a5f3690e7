import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { freePort, operatorToken, startBroker } from '../support/broker-process.ts';
import { call } from '../support/market.ts';
import { clientAssertion, newParty } from '../support/party.ts';
import { addProgram, openStage, type Program, type Stage } from './stage.ts';
import { assertionType, exchange, refusal, postForm, tokenOf } from './token-endpoint.ts';

let stage: Stage;
let reporter: Program;
beforeAll(async () => {
  stage = await openStage();
  reporter = await addProgram(stage, { id: 'reporter', owner: 'provider:skyways', scopes: ['usage:write'] });
});
afterAll(() => stage.close());

const fresh = () => clientAssertion(stage.acme.client, stage.acme.clientId, stage.url);
const replayed = '401 invalid_client client_assertion_replayed';

describe('a client assertion works once', () => {
  it('and not a second time', async () => {
    const client_assertion = await fresh();
    expect((await exchange(stage, stage.acme, { client_assertion })).status).toBe(200);
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion }))).toBe(replayed);
  });

  it('of ten requests at the same moment', async () => {
    const client_assertion = await fresh();
    const replies = await Promise.all(
      Array.from({ length: 10 }, () => exchange(stage, stage.acme, { client_assertion })),
    );
    const statuses = replies.map(({ status }) => status).toSorted((a, b) => a - b);
    expect(statuses).toEqual([200, ...Array<number>(9).fill(401)]);
  });

  it('also when the first use was refused', async () => {
    const client_assertion = await fresh();
    const first = await exchange(stage, stage.acme, { client_assertion, audience: 'nobody/none' });
    expect(first.body.error).toBe('invalid_target');
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion }))).toBe(replayed);
  });

  it('also for another grant', async () => {
    const client_assertion = await clientAssertion(reporter.client, reporter.clientId, stage.url);
    const form = { client_assertion, client_assertion_type: assertionType, grant_type: 'client_credentials' };
    expect((await postForm(stage.url, form)).status).toBe(200);
    const second = () => exchange(stage, { ...stage.acme, ...reporter }, { client_assertion });
    expect(await refusal(stage, second)).toBe(replayed);
  });

  it('also signed again: the same id is the same assertion, however it is signed', async () => {
    const { client, clientId } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: clientId,
      sub: clientId,
      aud: stage.url,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
    };
    expect((await exchange(stage, stage.acme, { client_assertion: await client.sign(claims) })).status).toBe(
      200,
    );
    const again = await client.sign({ ...claims, exp: now + 120 });
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion: again }))).toBe(
      replayed,
    );
  });

  it('and uses up nobody else’s: ids are each client’s own', async () => {
    const jti = randomUUID();
    const now = Math.floor(Date.now() / 1000);
    const assertion = ({ client, clientId }: Program) =>
      client.sign({ iss: clientId, sub: clientId, aud: stage.url, jti, iat: now, exp: now + 60 });
    const spoiled = await exchange(stage, stage.globex, { client_assertion: await assertion(stage.globex) });
    const honest = await exchange(stage, stage.acme, { client_assertion: await assertion(stage.acme) });
    expect([spoiled.status, honest.status]).toEqual([200, 200]);
  });

  it.each([
    ['no id', { jti: undefined }, 'client_assertion_jti'],
    ['an empty id', { jti: '' }, 'client_assertion_jti'],
    ['a number for an id', { jti: 1 }, 'client_assertion_jti'],
    ['an endless id', { jti: 'x'.repeat(300) }, 'client_assertion_jti'],
    ['a life of a day', { exp: Math.floor(Date.now() / 1000) + 86_400 }, 'token_lifetime_too_long'],
    ['no expiry', { exp: undefined }, 'token_malformed'],
    ['no time of issue', { iat: undefined }, 'token_malformed'],
  ])('and not at all with %s, which could not be remembered', async (_, change, reason) => {
    const { client, clientId } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const claims = {
      iss: clientId,
      sub: clientId,
      aud: stage.url,
      jti: randomUUID(),
      iat: now,
      exp: now + 60,
    };
    const client_assertion = await client.sign({ ...claims, ...change });
    expect(await refusal(stage, () => exchange(stage, stage.acme, { client_assertion }))).toBe(
      `401 invalid_client ${reason}`,
    );
  });
});

describe('a client assertion that was used before the broker was killed', () => {
  it('is not good again after it was started anew', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'broker-replay-'));
    const port = await freePort();
    const first = await startBroker({ directory, port });
    try {
      const party = await newParty();
      const operator = { url: first.url, token: operatorToken };
      await call(operator, 'POST', '/v1/providers', { id: 'skyways', name: 'Skyways' });
      await call(operator, 'POST', '/v1/clients', {
        id: 'reporter',
        name: 'reporter',
        owner: 'provider:skyways',
        jwks: party.jwks,
        grantTypes: ['client_credentials'],
        scopes: ['usage:write'],
      });
      const form = {
        grant_type: 'client_credentials',
        client_assertion_type: assertionType,
        client_assertion: await clientAssertion(party, 'reporter', first.url),
      };
      expect(tokenOf(await postForm(first.url, form))).toBeTruthy();
      await first.kill();
      const second = await startBroker({ directory, port });
      const replay = await postForm(second.url, form);
      expect([replay.status, replay.body.error]).toEqual([401, 'invalid_client']);
      await second.stop();
    } finally {
      await first.kill();
      await rm(directory, { recursive: true, force: true });
    }
  }, 60_000);
});
