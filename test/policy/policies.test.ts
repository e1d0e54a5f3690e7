import { beforeEach, describe, expect, it } from 'vitest';
import type { Policies } from '../../src/policy/index.ts';
import { recentMs, recentReads } from '../../src/storage/recent-reads.ts';
import { openMemoryStore } from '../../src/storage/memory/index.ts';
import type { Store } from '../../src/storage/port.ts';
import { testClock } from '../support/clock.ts';
import { factsOf, forbid, openPolicies, operator, permit, type PolicyWorld } from './world.ts';

type NewPolicy = Parameters<Policies['createPolicy']>[0];

let world: PolicyWorld;
beforeEach(async () => {
  world = await openPolicies();
});

const add = (input: Partial<NewPolicy> & Pick<NewPolicy, 'text'>, to = world) =>
  to.policies.createPolicy({ owner: 'operator', enabled: true, ...input }, operator);
const decide = (changes: Parameters<typeof factsOf>[0] = {}, of = world) =>
  of.policies.decideExchange(factsOf(changes));
const said = async (changes: Parameters<typeof factsOf>[0] = {}) => {
  const { decision, verdicts } = await decide(changes);
  return [decision, ...verdicts.map(({ owner, why, policies }) => [owner, why, ...policies].join(' '))];
};

describe('what policies decide', () => {
  it('is yes where there are none', async () => {
    expect(await said()).toEqual(['allow']);
  });

  it('without a permit: all that no forbid names', async () => {
    await add({ id: 'no-gold', text: forbid('context.tier == "gold"') });
    expect(await said()).toEqual(['allow', 'operator not_forbidden']);
    expect(await said({ tenant: { id: 'acme', tier: 'gold' } })).toEqual([
      'refuse',
      'operator forbidden no-gold',
    ]);
  });

  it('with a permit: only what one names, and no forbid', async () => {
    await add({ id: 'readers', text: permit('context.scopes == ["a2a:read"]') });
    await add({ id: 'first-hop', text: permit('context.depth == 1') });
    expect(await said({ scopes: ['a2a:read'] })).toEqual(['allow', 'operator permitted first-hop readers']);
    expect(await said({ scopes: ['a2a:read'], depth: 2 })).toEqual(['allow', 'operator permitted readers']);
    expect(await said({ depth: 2 })).toEqual(['refuse', 'operator not_permitted']);
    await add({ id: 'not-acme', text: forbid('context.tenant == Tenant::"acme"') });
    expect(await said()).toEqual(['refuse', 'operator forbidden not-acme']);
  });

  it('is for each owner alone: what one permits, another still forbids, and no permit is owed to others', async () => {
    await add({ id: 'p', owner: 'tenant:acme', text: permit('true') });
    expect(await said()).toEqual(['allow', 'tenant:acme permitted p']);
    await add({ id: 'f', owner: 'provider:skyways', text: forbid('context.tier == "standard"') });
    expect(await said()).toEqual(['refuse', 'tenant:acme permitted p', 'provider:skyways forbidden f']);
  });

  it('rests on those who take part, and on nobody else', async () => {
    const everything = forbid('true');
    for (const owner of ['tenant:globex', 'provider:lodging'] as const)
      await add({ id: 'all', owner, text: everything });
    expect(await said()).toEqual(['allow']);
    expect(await said({ tenant: { id: 'globex', tier: 'standard' } })).toEqual([
      'refuse',
      'tenant:globex forbidden all',
    ]);
    expect(await said({ client: { id: 'lodging-hotels', owner: 'provider:lodging' } })).toEqual([
      'refuse',
      'provider:lodging forbidden all',
    ]);
  });

  it('is no when a policy cannot be evaluated, whatever the others say', async () => {
    await add({ id: 'all', text: permit('true') });
    await add({ id: 'sum', text: forbid('context.time + 9223372036854775807 < 0') });
    expect(await decide()).toMatchObject({
      decision: 'refuse',
      verdicts: [
        {
          why: 'failed',
          policies: ['sum'],
          errors: [{ policy: 'sum', message: expect.stringContaining('overflow') }],
        },
      ],
    });
  });

  it('knows every fact of the schema', async () => {
    const facts = factsOf({
      client: { id: 'skyways-flights', owner: 'provider:skyways', agent: 'skyways/flights' },
      agent: { id: 'lodging/hotels', tags: ['beds'], skills: ['find'], scopes: ['a2a:invoke'] },
      depth: 2,
      actors: ['acme-app', 'skyways-flights'],
      through: ['skyways/flights'],
      acr: 'urn:mfa',
      amr: ['otp', 'pwd'],
      agreement: 'agr_1',
    });
    await add({
      id: 'all',
      text: [
        'permit(principal == Client::"skyways-flights", action == Action::"exchange", resource == Agent::"lodging/hotels")',
        'when { principal in Provider::"skyways" && resource in Provider::"lodging" }',
        'when { principal.owner == "provider:skyways" && principal has agent && principal.agent == "skyways/flights" }',
        'when { resource.provider == "lodging" && resource.tags == ["beds"] && resource.skills.contains("find") }',
        'when { context.tenant == Tenant::"acme" && context.tier == "standard" && context.scopes == ["a2a:invoke"] }',
        'when { context has region && context.region == "eu-central-1" && context.depth == 2 }',
        'when { context.actors == ["skyways-flights", "acme-app"] && context.through == ["skyways/flights"] };',
      ].join('\n'),
    });
    await add({
      id: 'more',
      text: [
        'forbid(principal, action, resource) unless {',
        '  context.time == 1795600800 && context.now == datetime("2026-11-25T10:00:00Z")',
        '  && context.issuer == "https://login.acme.example" && resource.scopes == ["a2a:invoke"]',
        '  && context has acr && context.acr == "urn:mfa" && context has amr && context.amr.contains("otp")',
        '  && context has agreement && context.agreement == "agr_1" };',
      ].join('\n'),
    });
    expect(await world.policies.decideExchange(facts)).toMatchObject({
      decision: 'allow',
      verdicts: [{ why: 'permitted', policies: ['all'] }],
    });
  });
});

describe('policies', () => {
  it('are kept, changed, disabled and deleted, each in force with the next question', async () => {
    const { policy, version } = await add({ text: forbid('true'), description: 'Closed' });
    expect(policy).toMatchObject({ id: expect.stringMatching(/^pol_/), effect: 'forbid', enabled: true });
    expect((await decide()).decision).toBe('refuse');
    const name = { owner: 'operator', id: policy.id } as const;
    const disabled = await world.policies.replacePolicy(
      name,
      { text: policy.text, enabled: false },
      { by: operator, version },
    );
    expect(disabled.policy.description).toBeUndefined();
    expect((await decide()).verdicts).toEqual([]);
    await world.policies.replacePolicy(name, { text: permit('true'), enabled: true }, { by: operator });
    expect(await said()).toEqual(['allow', `operator permitted ${policy.id}`]);
    expect(await world.policies.deletePolicy(name, { by: operator })).toMatchObject({ effect: 'permit' });
    expect(await said()).toEqual(['allow']);
    await expect(world.policies.readPolicy(name)).rejects.toMatchObject({ code: 'not_found' });
    const entries = await world.audit.list({});
    expect(entries.items.map(({ value }) => value.action)).toEqual([
      'policy.delete',
      'policy.change',
      'policy.change',
      'policy.create',
    ]);
  });

  it('have ids that are their owner’s own', async () => {
    for (const owner of ['operator', 'tenant:acme', 'provider:acme'] as const)
      await add({ id: 'same', owner, text: forbid('context.depth > 3') });
    await expect(add({ id: 'same', text: forbid('true') })).rejects.toMatchObject({ code: 'policy_exists' });
    const { items } = await world.policies.listPolicies('tenant:acme', { limit: 10 });
    expect(items.map(({ value }) => [value.owner, value.id])).toEqual([['tenant:acme', 'same']]);
  });

  it('are refused for an owner that there is none of, or with a text that is not valid', async () => {
    await expect(add({ owner: 'tenant:no-one', text: forbid('true') })).rejects.toMatchObject({
      code: 'unknown_party',
    });
    await expect(add({ text: 'forbid(principal, action);' })).rejects.toMatchObject({
      code: 'policy_invalid',
      fields: [{ path: '/text', message: expect.stringMatching(/^line 1, column \d+: /) }],
    });
  });

  it('keep what somebody else wrote meanwhile: If-Match, and no version comes back after a delete', async () => {
    const first = await add({ id: 'p', text: forbid('context.depth == 4') });
    const name = { owner: 'operator', id: 'p' } as const;
    const stale = { by: operator, version: first.version };
    await world.policies.replacePolicy(name, { text: forbid('true'), enabled: true }, { by: operator });
    const late = { code: 'precondition_failed' };
    await expect(world.policies.deletePolicy(name, stale)).rejects.toMatchObject(late);
    await expect(
      world.policies.replacePolicy(name, { text: first.policy.text, enabled: true }, stale),
    ).rejects.toMatchObject(late);
    await world.policies.deletePolicy(name, { by: operator });
    await add({ id: 'p', text: first.policy.text });
    await expect(world.policies.deletePolicy(name, stale)).rejects.toMatchObject(late);
  });

  it('of one owner may be written at the same time, and none is lost', async () => {
    const writing = Array.from({ length: 4 }, (_, at) =>
      add({ id: `p${at}`, text: forbid(`context.depth == ${at + 10}`) }),
    );
    await Promise.all(writing);
    for (let at = 0; at < 4; at++)
      expect(await said({ depth: at + 10 })).toContain(`operator forbidden p${at}`);
  });

  it('are at most 50 of an owner, disabled ones too; one less makes room', async () => {
    for (let at = 0; at < 50; at++)
      await add({ id: `p${at}`, text: forbid('context.depth > 3'), enabled: at % 2 === 0 });
    const more = () => add({ id: 'more', text: forbid('true') });
    await expect(more()).rejects.toMatchObject({ code: 'too_many_policies' });
    await add({ owner: 'tenant:acme', text: forbid('context.depth > 3') });
    await world.policies.deletePolicy({ owner: 'operator', id: 'p1' }, { by: operator });
    await more();
    expect((await decide()).decision).toBe('refuse');
  });

  it('do not outgrow a record, however long each is', async () => {
    const long = `// ${'"'.repeat(4000)}\nforbid(principal, action, resource) when { context.depth > 3 };`;
    const writeAll = async () => {
      for (let at = 0; at < 50; at++) await add({ id: `p${at}`, text: long });
    };
    await expect(writeAll()).rejects.toMatchObject({ code: 'too_many_policies' });
    expect(await said()).toEqual(['allow', 'operator not_forbidden']);
  });
});

describe('a check', () => {
  const check = (trial: Partial<Parameters<Policies['tryPolicies']>[0]>, by = operator) =>
    world.policies.tryPolicies({ facts: factsOf(), ...trial }, by);
  const clientOf = (owner: 'tenant:acme' | 'provider:skyways') => ({
    kind: 'client' as const,
    clientId: 'c',
    owner,
    scopes: ['trust:read'],
  });

  it('decides as an exchange would, and writes nothing', async () => {
    await add({ id: 'f', text: forbid('context.depth == 1') });
    const before = await world.audit.list({});
    expect(await check({})).toEqual(await decide());
    expect(await world.audit.list({})).toEqual(before);
  });

  it('tells a party of its own policies and of no others', async () => {
    await add({ id: 'secret', text: forbid('true') });
    await add({ id: 'theirs', owner: 'provider:skyways', text: forbid('true') });
    await add({ id: 'mine', owner: 'tenant:acme', text: permit('true') });
    const { decision, verdicts } = await check({}, clientOf('tenant:acme'));
    expect([decision, verdicts.map(({ owner }) => owner)]).toEqual(['allow', ['tenant:acme']]);
  });

  it('tries a draft beside what is there, or in its place', async () => {
    await add({ id: 'f', owner: 'tenant:acme', text: forbid('context.depth == 1') });
    const open = forbid('context.depth == 9');
    const by = clientOf('tenant:acme');
    expect(await check({ draft: { text: open } }, by)).toMatchObject({ decision: 'refuse' });
    expect(await check({ draft: { id: 'f', text: open } }, by)).toMatchObject({ decision: 'allow' });
    expect((await decide()).decision).toBe('refuse');
    await expect(check({ draft: { text: 'no' } }, by)).rejects.toMatchObject({
      code: 'policy_invalid',
      fields: [{ path: '/draft/text' }],
    });
  });
});

describe('another replica', () => {
  /** The engine as several processes share it. */
  const shared = (store: Store): Store => ({
    ...store,
    capabilities: { ...store.capabilities, shared: true },
  });

  it('asks a new policy within 4 s, and one that was taken away at once', async () => {
    const clock = testClock();
    const engine = shared(openMemoryStore({ clock }));
    const [here, there] = [
      await openPolicies(() => recentReads(engine, clock), clock),
      await openPolicies(() => recentReads(engine, clock), clock),
    ];
    expect((await decide({}, there)).decision).toBe('allow');
    const { policy } = await add({ text: forbid('true') }, here);
    expect((await decide({}, here)).decision).toBe('refuse');
    expect((await decide({}, there)).decision).toBe('allow');
    clock.advance(recentMs);
    expect((await decide({}, there)).decision).toBe('refuse');
    await here.policies.deletePolicy({ owner: 'operator', id: policy.id }, { by: operator });
    expect((await decide({}, there)).decision).toBe('allow');
  });

  it('reads nothing for an exchange while nobody has a policy and it has asked lately', async () => {
    const clock = testClock();
    const engine = shared(openMemoryStore({ clock }));
    let reads = 0;
    const counted: Store = {
      ...engine,
      get: (...args) => (reads++, engine.get(...args)),
      getMany: (...args) => (reads++, engine.getMany(...args)),
    };
    const quiet = await openPolicies(() => recentReads(counted, clock), clock);
    await decide({}, quiet);
    reads = 0;
    for (const id of ['acme', 'globex', 'initech']) await decide({ tenant: { id, tier: 'x' } }, quiet);
    expect(reads).toBe(0);
  });
});
