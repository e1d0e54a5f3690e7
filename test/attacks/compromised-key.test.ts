import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { call } from '../support/market.ts';
import { addMarketAgentProgram, addProgram, openStage, type Program, type Stage } from './stage.ts';
import { exchange, refusal, managementToken, passOn, tokenOf } from './token-endpoint.ts';

/** The broker's own signing key became known to somebody; everything that it ever signed may be forged. */
let stage: Stage;
let flights: Program;
let callToken: string;
let management: string;
beforeAll(async () => {
  stage = await openStage();
  flights = await addMarketAgentProgram(stage);
  const manager = await addProgram(stage, {
    id: 'manager',
    owner: 'provider:skyways',
    scopes: ['registry:read'],
  });
  callToken = tokenOf(await exchange(stage, stage.acme));
  management = await managementToken(stage, manager);
  // Seen by every cache before.
  await (await openLine(stage.market, stage.acme, callToken)).call('SendMessage', say('hi'));
  await read();
  await call(stage, 'POST', '/v1/keys/rotate', { compromised: true, reason: 'leaked' });
});
afterAll(() => stage.close());

const read = () =>
  fetch(`${stage.url}/v1/providers/skyways`, { headers: { authorization: `Bearer ${management}` } });

describe('what a compromised key has signed', () => {
  it('opens no gateway, although the gateway knew the token', async () => {
    const got = await (await openLine(stage.market, stage.acme, callToken)).call('SendMessage', say('hi'));
    expect([got.status, got.reason]).toEqual([401, 'UNAUTHENTICATED']);
  });

  it('opens no management API', async () => {
    expect((await read()).status).toBe(401);
  });

  it('is not continued', async () => {
    expect(
      await refusal(stage, () => passOn(stage, flights, callToken, { audience: stage.market.agent })),
    ).toBe('400 invalid_request token_key_unknown');
  });

  it('is no longer vouched for by the key set', async () => {
    const { kid } = JSON.parse(Buffer.from(callToken.split('.')[0] ?? '', 'base64url').toString()) as {
      kid: string;
    };
    expect(await (await fetch(`${stage.url}/.well-known/jwks.json`)).text()).not.toContain(kid);
  });

  it('is not what agents get from now on', async () => {
    const line = await openLine(stage.market, stage.acme);
    expect((await line.call('SendMessage', say('hi'))).status).toBe(200);
    const sent = stage.agent.calls.at(-1)?.headers.authorization?.slice(7) ?? '';
    expect(sent.split('.')[0]).not.toBe(callToken.split('.')[0]);
  });
});
