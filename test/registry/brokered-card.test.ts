import { AgentCard, verifyAgentCardSignature } from '@a2a-js/sdk';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { JsonObject } from '../../src/kernel/json.ts';
import { registryRoutes } from '../../src/registry/routes.ts';
import { engines } from '../support/stores.ts';
import { type Call, outcome, surface } from '../tenancy/surface.ts';
import { flightsCard, isSigned, type Signature } from './cards.ts';
import { brokerUrl, by, openRegistry, type RegistryWorld } from './setup.ts';

const id = 'skyways/flights';
const base = `${brokerUrl}/a2a/${id}`;

describe.each(engines)('the brokered card on $name', (engine) => {
  let world: RegistryWorld;
  let registry: RegistryWorld['registry'];
  let call: Call;
  beforeEach(async () => {
    world = await openRegistry(engine);
    ({ registry } = world);
    call = surface(registryRoutes(registry, brokerUrl), {});
  });
  afterEach(() => {
    vi.restoreAllMocks();
    return world.dispose();
  });

  const get = (headers: Record<string, string> = {}, kind = 'agent-card', agent = id) =>
    call('GET', `/a2a/${agent}/.well-known/${kind}.json`, { headers });
  const card = async () => (await get()).json as JsonObject;
  const signaturesOf = (signed: JsonObject) => signed['signatures'] as unknown as readonly Signature[];

  it('has our address, our security, and only what is relayed; the rest is the provider’s', async () => {
    await world.flights({ publish: true });
    const { signatures: _, ...brokered } = await card();
    const { signatures: __, securityRequirements: ___, ...original } = flightsCard();
    const [search, book] = original['skills'] as [JsonObject, JsonObject];
    const { securityRequirements: ____, ...searchWithoutSecurity } = search;
    expect(brokered).toEqual({
      ...original,
      supportedInterfaces: [{ url: `${base}/jsonrpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
      capabilities: { streaming: true, pushNotifications: false, extendedAgentCard: false, extensions: [] },
      securitySchemes: {
        broker: {
          oauth2SecurityScheme: {
            description: expect.stringContaining('RFC 8693'),
            oauth2MetadataUrl: `${brokerUrl}/.well-known/oauth-authorization-server`,
            flows: {
              clientCredentials: {
                tokenUrl: `${brokerUrl}/oauth/token`,
                scopes: { 'a2a:invoke': expect.any(String), 'a2a:read': expect.any(String) },
              },
            },
          },
        },
      },
      securityRequirements: [{ schemes: { broker: { list: ['a2a:invoke'] } } }],
      skills: [searchWithoutSecurity, book],
    });
  });

  it('does not name the provider’s endpoint, schemes or forged signatures anywhere', async () => {
    await world.flights({ publish: true });
    const { text } = await get();
    for (const theirs of ['agents.skyways.example', 'theirs', 'lane-7', 'eyJhbGciOiJub25lIn0', 'Zm9yZ2Vk'])
      expect(text).not.toContain(theirs);
  });

  // Known bugs. Each becomes a plain test once it is mended.
  it.each([
    ['url', 'https://direct.skyways.example/rpc'],
    ['additionalInterfaces', [{ url: 'https://direct.skyways.example/rpc', transport: 'JSONRPC' }]],
    ['security', [{ theirs: [] }]],
    ['supportsAuthenticatedExtendedCard', true],
  ])('drops what the old protocol reads in %s', async (field, value) => {
    await world.flights({ publish: true, card: flightsCard({ [field]: value }) });
    expect(await card()).not.toHaveProperty(field);
  });

  it('is never asked of a card that clients could not read: such a card is not taken', async () => {
    const unreadable = world.flights({ card: flightsCard({ capabilities: { extensions: [null] } }) });
    await expect(unreadable).rejects.toMatchObject({ code: 'card_invalid' });
  });

  it('lists the agent’s own scopes', async () => {
    await world.flights();
    const other = flightsCard({
      supportedInterfaces: [
        { url: 'https://hotels.example/rpc', protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
      ],
    });
    const input = { id: 'hotels', card: JSON.stringify(other), scopes: ['hotels:book'] };
    await registry.registerAgent('skyways', input, by.by);
    await registry.moveAgent('skyways/hotels', 'publish', undefined, by);
    const { json } = await get({}, 'agent-card', 'skyways/hotels');
    const scheme = (json as { securitySchemes: { broker: { oauth2SecurityScheme: unknown } } })
      .securitySchemes.broker.oauth2SecurityScheme;
    expect(scheme).toMatchObject({
      flows: { clientCredentials: { scopes: { 'hotels:book': expect.stringContaining('hotels:book') } } },
    });
  });

  describe('its signatures', () => {
    it('hold over the canonical form, under our key', async () => {
      await world.flights({ publish: true });
      const signed = await card();
      expect(isSigned(signed, world.keys.publicKey())).toBe(true);
      for (const { protected: header } of signaturesOf(signed))
        expect(JSON.parse(Buffer.from(header, 'base64url').toString())).toEqual({
          alg: 'ES256',
          kid: 'card-key-1',
          typ: 'JOSE',
        });
    });

    it('hold for nothing else', async () => {
      await world.flights({ publish: true });
      const signed = await card();
      const key = world.keys.publicKey();
      const { name: _, ...nameless } = signed;
      for (const forged of [
        { ...signed, name: 'Flight' },
        { ...signed, extra: true },
        { ...signed, supportedInterfaces: flightsCard()['supportedInterfaces'] ?? null },
        { ...signed, 'x-skyways': null },
        nameless,
      ])
        expect(isSigned(forged, key)).toBe(false);
      world.keys.rotate();
      expect(isSigned(signed, world.keys.publicKey())).toBe(false);
    });

    it('are taken by the official SDK', async () => {
      await world.flights({ publish: true });
      const asked: string[] = [];
      const check = verifyAgentCardSignature((keyId) => {
        asked.push(keyId);
        return Promise.resolve(world.keys.publicKey());
      });
      // It reports each signature that is not over its own form of the card.
      vi.spyOn(console, 'debug').mockImplementation(() => undefined);
      const signed = AgentCard.fromJSON(await card());
      await expect(check(signed)).resolves.toBeUndefined();
      expect(asked).toContain('card-key-1');
      await expect(check({ ...signed, name: 'Forged' })).rejects.toThrow('No valid signatures');
    });

    it('are made once per content, and anew for a new key', async () => {
      await world.flights({ publish: true });
      const first = await get();
      const made = world.keys.count();
      const again = await Promise.all([get(), get()]);
      expect(again.map(({ text }) => text)).toEqual([first.text, first.text]);
      expect(world.keys.count()).toBe(made);
      world.keys.rotate();
      const renewed = await get();
      expect(isSigned(renewed.json as JsonObject, world.keys.publicKey())).toBe(true);
      expect(renewed.headers.get('etag')).not.toBe(first.headers.get('etag'));
    });
  });

  describe('as served', () => {
    it('may be kept, and is not sent again to who has it', async () => {
      await world.flights({ publish: true });
      for (const kind of ['agent-card', 'agent-card.original']) {
        const answer = await get({}, kind);
        const etag = answer.headers.get('etag') ?? '';
        expect(etag).toMatch(/^"[\w-]{43}"$/);
        expect(answer.headers.get('content-type')).toBe('application/json');
        expect(answer.headers.get('cache-control')).toBe('public, max-age=60');
        for (const known of [etag, `W/${etag}`, `"other", ${etag}`, '*']) {
          const short = await get({ 'If-None-Match': known }, kind);
          expect([short.status, short.text, short.headers.get('etag')]).toEqual([304, '', etag]);
        }
        expect((await get({ 'If-None-Match': '"other"' }, kind)).status).toBe(200);
      }
    });

    it('follows the card when it is refreshed', async () => {
      let body = JSON.stringify(flightsCard());
      const cardUrl = await world.serve((_, res) => res.end(body));
      await registry.admitProvider({ id: 'skyways', name: 'Skyways' }, by.by);
      await registry.registerAgent('skyways', { id: 'flights', cardUrl }, by.by);
      await registry.moveAgent(id, 'publish', undefined, by);
      const first = await get();
      body = JSON.stringify(flightsCard({ name: 'Flights 3' }));
      await registry.refreshAgent(id, by);
      const second = await get();
      expect(second.json['name']).toBe('Flights 3');
      expect(second.headers.get('etag')).not.toBe(first.headers.get('etag'));
      expect(isSigned(second.json as JsonObject, world.keys.publicKey())).toBe(true);
      expect((await get({}, 'agent-card.original')).text).toBe(body);
    });

    it('comes with the original, byte for byte, lies and all', async () => {
      const original = `\n ${JSON.stringify(flightsCard(), null, 3).replace('"Flights"', '"\\u0046lights"')}\t\n`;
      const cardUrl = await world.serve((_, res) => res.end(original));
      await registry.admitProvider({ id: 'skyways', name: 'Skyways' }, by.by);
      await registry.registerAgent('skyways', { id: 'flights', cardUrl }, by.by);
      await registry.moveAgent(id, 'publish', undefined, by);
      expect((await get({}, 'agent-card.original')).text).toBe(original);
      expect((await card())['name']).toBe('Flights');
    });

    it.each(['agent-card', 'agent-card.original'])('as %s is there only while on offer', async (kind) => {
      const status = async () => outcome(await get({}, kind));
      expect(await status()).toBe('404 not_found');
      await world.flights();
      expect(await status()).toBe('404 not_found');
      await registry.moveAgent(id, 'publish', undefined, by);
      expect(await status()).toBe('200');
      await registry.setProviderStatus('skyways', 'suspended', 'fraud', by);
      expect(await status()).toBe('404 not_found');
      await registry.setProviderStatus('skyways', 'active', 'cleared', by);
      expect(await status()).toBe('200');
      await registry.moveAgent(id, 'suspend', undefined, by);
      const hidden = await get({}, kind);
      expect(hidden.text).toBe((await get({}, kind, 'skyways/none')).text);
      await registry.moveAgent(id, 'retire', undefined, by);
      expect(await status()).toBe('404 not_found');
    });
  });
});
