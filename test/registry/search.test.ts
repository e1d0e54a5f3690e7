import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Principal } from '../../src/kernel/principal.ts';
import { engines } from '../support/stores.ts';
import { client } from '../tenancy/surface.ts';
import { cardAt } from './cards.ts';
import { by, openRegistry, operator, type RegistryWorld } from './setup.ts';

const anybody = client('tenant:acme');

describe.each(engines)('finding agents on $name', (engine) => {
  let world: RegistryWorld;
  let registry: RegistryWorld['registry'];
  beforeEach(async () => {
    world = await openRegistry(engine);
    ({ registry } = world);
    for (const id of ['globex', 'sky', 'skyways']) await registry.admitProvider({ id, name: id }, operator);
    await make('globex', 'hotels', { description: 'Rooms in Köln' }, 'us-east-1');
    await make('sky', 'maps', { capabilities: {} });
    await make('skyways', 'flights', {}, 'eu-west-1');
    await make('skyways', 'secret', {}, undefined, false);
  });
  afterEach(() => world.dispose());

  async function make(provider: string, id: string, changes = {}, region?: string, publish = true) {
    const skills = [{ id: `${id}-find`, name: `Find ${id}`, description: 'Hidden', tags: ['travel', id] }];
    const card = JSON.stringify(
      cardAt(`https://${provider}.example/${id}`, { name: id, skills, ...changes }),
    );
    const input = { id, card, ...(region === undefined ? {} : { region }) };
    await registry.registerAgent(provider, input, operator);
    if (publish) await registry.moveAgent(`${provider}/${id}`, 'publish', undefined, by);
  }
  const find = async (
    query: Partial<Parameters<typeof registry.searchAgents>[0]> = {},
    who: Principal = anybody,
  ) => (await registry.searchAgents({ limit: 50, ...query }, who)).items.map(({ value }) => value.id);

  const all = ['globex/hotels', 'sky/maps', 'skyways/flights'];

  it.each([
    ['everything on offer, by id', {}, all],
    ['by a word of the name, in any case', { q: 'HOTELS' }, ['globex/hotels']],
    ['by a word of the description', { q: 'köln' }, ['globex/hotels']],
    ['by a part of the id', { q: 'skyways/fl' }, ['skyways/flights']],
    ['by words that all must occur', { q: ' travel   maps ' }, ['sky/maps']],
    ['by words of which one does not occur', { q: 'travel nowhere' }, []],
    ['by blanks, which ask for nothing', { q: '   ' }, all],
    ['by a pattern, which is only text', { q: '.*' }, []],
    ['by a skill', { skill: 'flights-find' }, ['skyways/flights']],
    ['by a part of a skill’s id, which is none', { skill: 'flights' }, []],
    ['by a tag', { tag: 'maps' }, ['sky/maps']],
    ['by a provider whose id another’s starts with', { provider: 'sky' }, ['sky/maps']],
    ['by a region', { region: 'us-east-1' }, ['globex/hotels']],
    ['by a capability', { capability: 'streaming' }, ['globex/hotels', 'skyways/flights']],
    ['by several at once', { tag: 'travel', region: 'eu-west-1', q: 'find' }, ['skyways/flights']],
  ] as const)('finds %s', async (_, query, expected) => {
    expect(await find(query)).toEqual(expected);
  });

  it('shows drafts to their own provider and the operator alone', async () => {
    const withDraft = [...all, 'skyways/secret'];
    expect(await find({}, operator)).toEqual(withDraft);
    expect(await find({}, client('provider:skyways'))).toEqual(withDraft);
    for (const who of [client('provider:sky'), client('tenant:skyways')]) {
      expect(await find({}, who)).toEqual(all);
      expect(await find({ q: 'secret' }, who)).toEqual([]);
    }
  });

  it.each(['suspend', 'retire'] as const)('shows no agent after %s', async (step) => {
    await registry.moveAgent('sky/maps', step, undefined, by);
    expect(await find()).toEqual(['globex/hotels', 'skyways/flights']);
    expect(await find({}, client('provider:sky'))).toEqual(all);
  });

  it('shows nothing of a suspended provider', async () => {
    await registry.setProviderStatus('skyways', 'suspended', 'fraud', by);
    expect(await find()).toEqual(['globex/hotels', 'sky/maps']);
  });

  it('fills its pages, past agents that do not fit', async () => {
    const seen: string[] = [];
    const sizes: number[] = [];
    let cursor: string | undefined;
    do {
      const query = {
        limit: 1,
        tag: 'travel',
        q: 'flights-find',
        ...(cursor === undefined ? {} : { cursor }),
      };
      const page = await registry.searchAgents(query, anybody);
      seen.push(...page.items.map(({ value }) => value.id));
      sizes.push(page.items.length);
      cursor = page.cursor;
    } while (cursor !== undefined && sizes.length < 10);
    expect(seen).toEqual(['skyways/flights']);
    expect(sizes[0]).toBe(1);
  });
});
