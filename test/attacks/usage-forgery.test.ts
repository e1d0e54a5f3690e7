import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { testClock } from '../support/clock.ts';
import { addProgram } from './stage.ts';
import { ask, assertionAt, exchange, managementToken, tokenOf } from './token-endpoint.ts';
import { delegationOf, openUsageStage, type UsageStage } from './usage-stage.ts';

let stage: UsageStage;
beforeAll(async () => {
  stage = await openUsageStage();
});
afterAll(() => stage.close());

const mismatch = 'delegation_mismatch';

describe('usage is billed against a call that the reporter received', () => {
  it.each([
    ['another provider’s delegation', () => ({ delegationid: stage.delegations.hotels })],
    ['another tenant’s delegation', () => ({ delegationid: stage.delegations.globex })],
    ['another tenant than the delegation’s', () => ({ tenantid: 'globex' })],
    ['a tenant that does not exist', () => ({ tenantid: 'nobody' })],
    ['another agent of its own', () => ({ agentid: 'skyways/cruises' })],
    ['an agent of another provider', () => ({ agentid: 'lodging/hotels' })],
    ['a delegation that was never issued', () => ({ delegationid: 'A'.repeat(43) })],
    ['another root of the chain', () => ({ delegationroot: stage.delegations.globex })],
    ['another depth of the chain', () => ({ delegationdepth: 3 })],
    ['a time before the call', () => ({ time: new Date(Date.now() - 3_600_000).toISOString() })],
  ])('not with %s', async (_, change) => {
    expect(await stage.rejection(change())).toBe(`422 ${mismatch}`);
  });

  it('not when it names another in its subject', async () => {
    for (const subject of ['globex/skyways/flights', 'acme/lodging/hotels', 'acme', 'ACME/skyways/flights'])
      expect(await stage.rejection({ subject })).toBe('422 subject_mismatch');
  });

  it('not against the caller’s own token, which the provider never saw', async () => {
    const caller = tokenOf(await exchange(stage, stage.globex));
    const { results } = await stage.report(
      stage.event({ delegationid: delegationOf(caller), tenantid: 'acme' }),
    );
    expect(results[0]?.reason).toBe(mismatch);
  });

  it('not with a management token’s id for a delegation', async () => {
    expect(await stage.rejection({ delegationid: delegationOf(stage.reporters.skyways) })).toBe(
      `422 ${mismatch}`,
    );
  });

  it('and whose a delegation is, nobody learns: all misfits are answered alike', async () => {
    const answers = [];
    for (const change of [
      { delegationid: stage.delegations.hotels },
      { delegationid: 'B'.repeat(43) },
      { tenantid: 'globex' },
    ])
      answers.push({ ...(await stage.report(stage.event({ ...change, id: 'alike' }))).results[0] });
    expect(new Set(answers.map((result) => JSON.stringify(result))).size).toBe(1);
  });

  it('not after the grace that follows the token’s end', async () => {
    const clock = testClock(Math.floor(Date.now() / 1000) * 1000);
    const early = await openUsageStage({ clock });
    const late = early.delegations.acme;
    clock.advance(26 * 3_600_000);
    const reporter = { clientId: early.market.providerClientId, client: early.market.providerClient };
    const client_assertion = await assertionAt(reporter, early.url, clock.now() / 1000);
    const token = tokenOf(await ask(early, reporter, { grant_type: 'client_credentials', client_assertion }));
    const outcome = async (hoursAgo: number) => {
      const time = new Date(clock.now() - hoursAgo * 3_600_000).toISOString();
      const [result] = (await early.report(early.event({ delegationid: late, time }), token)).results;
      return result?.reason ?? result?.status;
    };
    expect(await outcome(0)).toBe(mismatch);
    expect(await outcome(10)).toBe('accepted');
    await early.close();
  });
});

describe('usage is reported by who it is about', () => {
  it.each([
    ['another’s source', () => ({ source: `urn:${new URL(stage.url).host}:provider:lodging` })],
    ['the gateway’s source', () => ({ source: `urn:${new URL(stage.url).host}:gateway` })],
    ['another broker’s source', () => ({ source: 'urn:evil.example:provider:skyways' })],
    ['capitals in the source', () => ({ source: `URN:${new URL(stage.url).host}:provider:skyways` })],
    ['another providerid', () => ({ providerid: 'lodging' })],
  ])('not with %s', async (_, change) => {
    expect(await stage.rejection(change())).toBe('422 source_not_yours');
  });

  it('not with another provider’s token', async () => {
    expect(await stage.rejection({}, stage.reporters.lodging)).toBe('422 source_not_yours');
  });

  it('not by a tenant, not by the operator, not without the scope', async () => {
    const tenant = await addProgram(stage, {
      id: 'acme-usage',
      owner: 'tenant:acme',
      scopes: ['usage:write'],
    });
    const reader = await addProgram(stage, {
      id: 'sky-reads',
      owner: 'provider:skyways',
      scopes: ['usage:read'],
    });
    for (const token of [
      await managementToken(stage, tenant),
      await managementToken(stage, reader),
      stage.token,
    ])
      expect((await stage.report(stage.event(), token)).status).toBe(403);
  });
});

describe('the gateway’s meters are the gateway’s', () => {
  it.each(['calls', 'tasks', 'stream_events', 'bytes_in', 'bytes_out', 'duration_ms'])(
    'not %s',
    async (meter) => {
      expect(await stage.rejection({ data: { quantities: { [meter]: '1000000' } } })).toBe(
        '422 meter_not_yours',
      );
      expect(await stage.rejection({ data: { quantities: { tokens: '1', [meter]: '1' } } })).toBe(
        '422 meter_not_yours',
      );
    },
  );

  it('and one of nobody’s is nobody’s', async () => {
    expect(await stage.rejection({ data: { quantities: { gold: '1' } } })).toBe('422 unknown_meter');
  });
});

describe('an id says one thing for ever', () => {
  it('with another quantity it is a conflict, and the first one counts', async () => {
    const first = stage.event();
    expect((await stage.report(first)).results[0]?.status).toBe('accepted');
    const before = await stage.sumOf('tokens');
    for (const change of [
      { data: { quantities: { tokens: '999' } } },
      { data: { quantities: { tokens: '10', pages: '1' } } },
      { delegationid: await stage.callFor(stage.acme) },
      { callid: 'another' },
    ]) {
      const { status, results } = await stage.report({ ...first, ...change });
      expect([status, results[0]?.reason]).toEqual([409, 'conflict']);
    }
    expect((await stage.report(first)).results[0]?.status).toBe('duplicate');
    expect(await stage.sumOf('tokens')).toBe(before);
  });

  it('told twenty times at once it is one fact; told in two ways at once, one of them', async () => {
    const before = Number(await stage.sumOf('tokens'));
    const one = stage.event();
    const other = { ...one, data: { quantities: { tokens: '7' } } };
    const replies = await Promise.all(
      Array.from({ length: 20 }, (_, index) => stage.report(index % 2 === 0 ? one : other)),
    );
    expect(replies.filter(({ results }) => results[0]?.status === 'accepted')).toHaveLength(1);
    expect([7, 10]).toContain(Number(await stage.sumOf('tokens')) - before);
  });

  it('is each provider’s own: another’s id is not taken by using it first', async () => {
    const mine = stage.event();
    const theirs = stage.event({
      id: mine['id'],
      source: `urn:${new URL(stage.url).host}:provider:lodging`,
      providerid: 'lodging',
      agentid: 'lodging/hotels',
      delegationid: await stage.callFor(stage.acme, stage.lodging),
    });
    expect((await stage.report(theirs, stage.reporters.lodging)).results[0]?.status).toBe('accepted');
    expect((await stage.report(mine)).results[0]?.status).toBe('accepted');
  });
});
