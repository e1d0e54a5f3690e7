import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { call, type MarketTenant } from '../support/market.ts';
import { newParty, type Party } from '../support/party.ts';
import { es256, forge, type Json, parts } from './forge.ts';
import {
  addCompany,
  addMarketAgentProgram,
  addProgram,
  agree,
  type Company,
  openStage,
  type Program,
  type Stage,
} from './stage.ts';
import { claimsOf, exchange, refusal, passOn, tokenOf, tokenType } from './token-endpoint.ts';

let stage: Stage;
let flights: Program;
let lodging: Company;
let cars: Company;
beforeAll(async () => {
  stage = await openStage();
  flights = await addMarketAgentProgram(stage);
  lodging = await addCompany(stage, 'lodging/hotels', [stage.acme, stage.globex]);
  cars = await addCompany(stage, 'wheels/cars', [stage.acme]);
  await agree(stage, 'skyways', 'lodging');
  await agree(stage, 'lodging', 'skyways');
});
afterAll(() => stage.close());

/** What the market's agent received for a user of acme, and of globex. */
let first: string;
let theirs: string;
beforeEach(async () => {
  first = await received();
  theirs = await received(stage.globex);
});

const received = async (tenant: MarketTenant = stage.acme) => tokenOf(await exchange(stage, tenant));

function chainOf(token: string): readonly unknown[] {
  const subjects: unknown[] = [];
  for (
    let act = claimsOf(token)['act'] as Json | undefined;
    act !== undefined;
    act = act['act'] as Json | undefined
  )
    subjects.push(act['sub']);
  return subjects;
}

describe('the chain of actors', () => {
  it('is written by the broker alone: newest first, one for each hop', async () => {
    const second = tokenOf(await passOn(stage, flights, first, { audience: lodging.agent }));
    expect(chainOf(second)).toEqual(['skyways-flights', 'acme-app']);
    expect(claimsOf(second)['txn']).toBe(claimsOf(first)['txn']);
  });

  it.each([
    ['the broker’s own words', { iss: 'BROKER', sub: 'lodging-hotels', client_id: 'lodging-hotels' }],
    ['the broker’s own words further back', { sub: 'a', act: { iss: 'BROKER', sub: 'lodging-hotels' } }],
    ['those of another tenant’s issuer', { iss: 'https://login.globex.example', sub: 'app' }],
    ['nobody', {}],
    ['nobody further back', { sub: 'a', act: {} }],
    ['a number', { sub: 1 }],
    ['a text', 'root'],
    ['a list', [{ sub: 'root' }]],
    ['null', null],
  ])('is not begun by an ID token that brings %s', async (_, act) => {
    const { idp, issuer } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const text = JSON.stringify({ iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 300, act });
    const subject_token = await idp.sign(JSON.parse(text.replace('BROKER', stage.url)) as Json);
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token }))).toBe(
      '400 invalid_request subject_actors_refused',
    );
  });

  it('begins with whom the tenant’s issuer names under its own name, and they count', async () => {
    const { idp, issuer } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const claims = { iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 300 };
    const two = {
      iss: issuer,
      sub: 'skyways-flights',
      client_id: 'skyways-flights',
      act: { sub: 'acme-app' },
    };
    const subject_token = await idp.sign({ ...claims, act: two });
    const began = tokenOf(await exchange(stage, stage.acme, { subject_token }));
    // Whatever they are called, they are the issuer's: no client of ours is among them but the one that asked.
    expect(claimsOf(began)['act']).toEqual({
      iss: stage.url,
      sub: 'acme-app',
      client_id: 'acme-app',
      act: { iss: issuer, sub: 'skyways-flights', act: { iss: issuer, sub: 'acme-app' } },
    });
    const fourth = tokenOf(await passOn(stage, flights, began, { audience: lodging.agent }));
    expect(chainOf(fourth)).toHaveLength(4);
    expect(
      await refusal(stage, () => passOn(stage, lodging.program, fourth, { audience: stage.market.agent })),
    ).toBe('400 invalid_request depth_exceeded');
    const tooLong = await idp.sign({ ...claims, act: { sub: 'a', act: { sub: 'b', act: two } } });
    expect(await refusal(stage, () => exchange(stage, stage.acme, { subject_token: tooLong }))).toBe(
      '400 invalid_request depth_exceeded',
    );
  });

  it.each([31, 100, 1000])('is not begun by an ID token with %i actors', async (depth) => {
    const { idp, issuer } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const act = '{"act":'.repeat(depth) + '{}' + '}'.repeat(depth);
    const claims = `{"iss":"${issuer}","sub":"u","aud":"app","iat":${now},"exp":${now + 300},"act":${act}}`;
    const header = { alg: 'ES256', kid: idp.jwks.keys[0]?.kid };
    expect(
      await refusal(stage, () =>
        exchange(stage, stage.acme, { subject_token: forge(header, claims, es256(idp)) }),
      ),
    ).toBe('400 invalid_request token_malformed');
  });

  it('is not spliced: the claims of one token under the signature of another', async () => {
    const spliced = [...theirs.split('.').slice(0, 2), parts(first).signature].join('.');
    const { header, claims, signature } = parts(first);
    const longer = { ...(JSON.parse(claims) as Json), act: claimsOf(theirs)['act'] };
    for (const token of [spliced, forge(header, longer, () => signature)])
      expect(await refusal(stage, () => passOn(stage, flights, token, { audience: lodging.agent }))).toBe(
        '400 invalid_request token_signature_wrong',
      );
  });

  it('stops at four actors, and at a cycle no later', async () => {
    let token = first;
    const hops = [
      [flights, lodging.agent],
      [lodging.program, stage.market.agent],
      [flights, lodging.agent],
    ] as const;
    for (const [program, audience] of hops)
      token = tokenOf(await passOn(stage, program, token, { audience }));
    expect(chainOf(token)).toHaveLength(4);
    expect(
      await refusal(stage, () => passOn(stage, lodging.program, token, { audience: stage.market.agent })),
    ).toBe('400 invalid_request depth_exceeded');
  });

  it('never outlives what it continues', async () => {
    const { idp, issuer } = stage.acme;
    const now = Math.floor(Date.now() / 1000);
    const subject_token = await idp.sign({ iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 45 });
    const short = tokenOf(await exchange(stage, stage.acme, { subject_token }));
    const second = tokenOf(await passOn(stage, flights, short, { audience: lodging.agent }));
    expect(claimsOf(short)['exp']).toBe(now + 45);
    expect(claimsOf(second)['exp']).toBe(now + 45);
  });

  it('keeps its tenant at each hop, whatever the next program says', async () => {
    const second = tokenOf(await passOn(stage, flights, first, { audience: lodging.agent }));
    expect(claimsOf(second)['tenant']).toBe('acme');
    expect(await refusal(stage, () => passOn(stage, flights, theirs, { audience: cars.agent }))).toBe(
      '400 invalid_target not_subscribed',
    );
  });

  it('goes to no company without an agreement', async () => {
    expect(await refusal(stage, () => passOn(stage, flights, first, { audience: cars.agent }))).toBe(
      '400 invalid_target agreement_missing',
    );
  });

  it('is not continued by a program that is no agent', async () => {
    const program = await addProgram(stage, { id: 'skyways-batch', owner: 'provider:skyways' });
    expect(await refusal(stage, () => passOn(stage, program, first, { audience: lodging.agent }))).toBe(
      '400 invalid_request token_audience_wrong',
    );
  });
});

describe('an actor token', () => {
  const issuer = 'https://login.skyways.example';
  let idp: Party;
  let program: Program;
  beforeAll(async () => {
    idp = await newParty();
    await call(stage, 'POST', '/v1/providers/skyways/issuers', { issuer, jwks: idp.jwks });
    program = await addProgram(stage, {
      id: 'skyways-desk',
      owner: 'provider:skyways',
      agent: stage.market.agent,
      issuerClientIds: { [issuer]: 'desk', [stage.acme.issuer]: 'app' },
    });
  });

  const actor = (change: Json = {}) => {
    const now = Math.floor(Date.now() / 1000);
    return idp.sign({ iss: issuer, sub: 'desk', aud: 'desk', iat: now, exp: now + 300, ...change });
  };

  it('names the program as its own company calls it', async () => {
    const form = { audience: lodging.agent, actor_token: await actor(), actor_token_type: tokenType.jwt };
    expect(chainOf(tokenOf(await passOn(stage, program, first, form)))).toEqual(['desk', 'acme-app']);
  });

  it.each([
    ['about another program', () => actor({ sub: 'another' }), tokenType.jwt, 'actor_is_not_client'],
    ['about a user', () => actor({ sub: 'user-1' }), tokenType.idToken, 'actor_is_not_client'],
    ['for another program', () => actor({ aud: 'another' }), tokenType.jwt, 'token_audience_wrong'],
    ['of the tenant', () => stage.acme.idToken('app'), tokenType.idToken, 'actor_of_other_party'],
    ['of another tenant', () => stage.globex.idToken(), tokenType.idToken, 'token_audience_wrong'],
    ['that is the subject', () => Promise.resolve(first), tokenType.accessToken, 'token_issuer_unknown'],
    ['without its type', () => actor(), undefined, 'actor_type_missing'],
    ['of an unknown type', () => actor(), 'urn:x', 'actor_type_missing'],
    ['that has expired', () => actor({ exp: 1000, iat: 900 }), tokenType.jwt, 'token_expired'],
  ])('%s is refused', async (_, make, actor_token_type, reason) => {
    const actor_token = await make();
    expect(
      await refusal(stage, () =>
        passOn(stage, program, first, { audience: lodging.agent, actor_token, actor_token_type }),
      ),
    ).toBe(`400 invalid_request ${reason}`);
  });

  it('type without a token is refused', async () => {
    expect(
      await refusal(stage, () =>
        passOn(stage, program, first, { audience: lodging.agent, actor_token_type: tokenType.jwt }),
      ),
    ).toBe('400 invalid_request actor_missing');
  });

  it('and subject that have changed places are refused', async () => {
    const subject_token = await actor();
    const form = { subject_token, actor_token: first, actor_token_type: tokenType.accessToken };
    expect(await refusal(stage, () => exchange(stage, { ...stage.acme, ...program }, form))).toBe(
      '400 invalid_request subject_issuer_not_tenants',
    );
  });
});
