import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { JsonObject } from '../../src/kernel/json.ts';
import { OutboundError, type OutboundErrorCode } from '../../src/outbound/port.ts';
import { engines } from '../support/stores.ts';
import { refusal } from '../tenancy/watched-store.ts';
import { endpoint, flightsCard } from './cards.ts';
import { openRegistry, operator, type RegistryWorld } from './setup.ts';

const maxCardBytes = 256 * 1024;
const rpc = { url: endpoint, protocolBinding: 'JSONRPC', protocolVersion: '1.0' };
const skill = { id: 's', name: 'S', description: 'D', tags: ['t'] };

/** A card of exactly so many bytes, in letters of two bytes each. */
function cardOf(bytes: number): string {
  const bare = Buffer.byteLength(JSON.stringify(flightsCard({ pad: '' })));
  const pad = 'é'.repeat(Math.floor((bytes - bare) / 2)) + 'x'.repeat((bytes - bare) % 2);
  return JSON.stringify(flightsCard({ pad }));
}

/** The card itself is level 1. */
function nested(levels: number): string {
  const [open, close] = ['['.repeat(levels - 1), ']'.repeat(levels - 1)];
  return JSON.stringify(flightsCard({ deep: 0 })).replace('"deep":0', `"deep":${open}${close}`);
}

describe.each(engines)('reading cards on $name', (engine) => {
  let world: RegistryWorld;
  let registry: RegistryWorld['registry'];
  beforeEach(async () => {
    world = await openRegistry(engine);
    ({ registry } = world);
    await registry.admitProvider({ id: 'skyways', name: 'Skyways' }, operator);
  });
  afterEach(() => world.dispose());

  const register = (source: { card: string } | { cardUrl: string }) =>
    registry.registerAgent('skyways', { id: 'flights', ...source }, operator);
  const refused = async (source: Parameters<typeof register>[0]) => {
    const fault = await refusal(world.store, () => register(source));
    expect(await registry.callableAgent('skyways/flights')).toBeUndefined();
    return { code: fault.code, paths: (fault.fields ?? []).map(({ path }) => path) };
  };

  describe('inline', () => {
    it.each<[string, string, JsonObject]>([
      ['no name', '/name', { name: '' }],
      ['a name that is an object', '/name', { name: { toString: 'x' } }],
      ['a name too long', '/name', { name: 'x'.repeat(257) }],
      ['a description too long', '/description', { description: 'x'.repeat(8193) }],
      ['no version', '/version', { version: '' }],
      ['capabilities as a list', '/capabilities', { capabilities: [] }],
      ['streaming as a word', '/capabilities/streaming', { capabilities: { streaming: 'yes' } }],
      ['modes as a word', '/defaultInputModes', { defaultInputModes: 'text/plain' }],
      ['no skills', '/skills', { skills: [] }],
      ['too many skills', '/skills', { skills: Array.from({ length: 257 }, () => skill) }],
      ['a skill without id', '/skills/1/id', { skills: [skill, { ...skill, id: '' }] }],
      ['a skill that is null', '/skills/0', { skills: [null] }],
      ['a tag that is a number', '/skills/0/tags/0', { skills: [{ ...skill, tags: [1] }] }],
      ['no interfaces', '/supportedInterfaces', { supportedInterfaces: [] }],
      [
        'too many interfaces',
        '/supportedInterfaces',
        { supportedInterfaces: Array.from({ length: 33 }, () => rpc) },
      ],
      [
        'only the old protocol',
        '/supportedInterfaces',
        { supportedInterfaces: [{ ...rpc, protocolVersion: '0.3' }] },
      ],
      [
        'a version that only starts like ours',
        '/supportedInterfaces',
        { supportedInterfaces: [{ ...rpc, protocolVersion: '1.01' }] },
      ],
      [
        'only another binding',
        '/supportedInterfaces',
        { supportedInterfaces: [{ ...rpc, protocolBinding: 'GRPC' }] },
      ],
      ...[
        'file:///etc/passwd',
        'javascript:alert(1)',
        '/rpc',
        '//agents.example/rpc',
        'https://',
        `${endpoint}#a`,
      ].map((url): [string, string, JsonObject] => [
        `the interface ${url}`,
        '/supportedInterfaces/0/url',
        { supportedInterfaces: [{ ...rpc, url }] },
      ]),
    ])('refuses a card with %s', async (_, path, changes) => {
      const { code, paths } = await refused({ card: JSON.stringify(flightsCard(changes)) });
      expect(code).toBe('card_invalid');
      expect(paths).toContain(path);
    });

    it.each([
      ['nothing', ''],
      ['no JSON', '{"name":'],
      ['a list', '[]'],
      ['null', 'null'],
      ['a string', '"card"'],
    ])('refuses %s', async (_, card) => {
      expect((await refused({ card })).code).toBe('card_invalid');
    });

    it('says what to do about a card of A2A 0.3', async () => {
      const { supportedInterfaces: _, ...old } = flightsCard({ url: endpoint, protocolVersion: '0.3.0' });
      const fault = await refusal(world.store, () => register({ card: JSON.stringify(old) }));
      expect(fault).toMatchObject({ code: 'card_invalid', fields: [{ path: '/supportedInterfaces' }] });
      expect(fault.message).toContain('0.3');
    });

    it('names at most twenty wrong fields', async () => {
      const skills = Array.from({ length: 100 }, () => ({}));
      expect((await refused({ card: JSON.stringify(flightsCard({ skills })) })).paths).toHaveLength(20);
    });

    it('counts bytes, not letters', async () => {
      expect(Buffer.byteLength(cardOf(maxCardBytes))).toBe(maxCardBytes);
      expect((await refused({ card: cardOf(maxCardBytes + 1) })).code).toBe('card_invalid');
      expect((await register({ card: cardOf(maxCardBytes) })).agent.status).toBe('draft');
    });

    it('takes a card within the limit that is full of quotes, or refuses it as a card', async () => {
      const card = JSON.stringify(flightsCard({ list: Array<string>(80_000).fill('') }));
      expect(Buffer.byteLength(card)).toBeLessThan(maxCardBytes);
      const outcome = await register({ card }).then(
        ({ agent }) => agent.status,
        (error: { code?: string }) => error.code,
      );
      expect(['draft', 'card_invalid']).toContain(outcome);
    });

    it('takes twenty levels of nesting and no more, however deep it is', async () => {
      for (const levels of [21, 1000, 100_000])
        expect((await refused({ card: nested(levels) })).code).toBe('card_invalid');
      expect((await register({ card: nested(20) })).agent.status).toBe('draft');
    });

    it('relays to the first JSON-RPC interface of version 1.0, patch versions included', async () => {
      const supportedInterfaces = [
        { ...rpc, url: 'https://old.example/rpc', protocolVersion: '0.3' },
        { ...rpc, url: 'https://rest.example', protocolBinding: 'HTTP+JSON' },
        { ...rpc, url: 'https://first.example/rpc', protocolVersion: '1.0.2', tenant: '' },
        { ...rpc, url: 'https://second.example/rpc' },
      ];
      const { agent } = await register({ card: JSON.stringify(flightsCard({ supportedInterfaces })) });
      expect(agent.deployments).toMatchObject([{ url: 'https://first.example/rpc' }]);
      expect(agent.deployments[0]).not.toHaveProperty('upstreamTenant');
    });
  });

  describe('fetched', () => {
    const served = async (body: string | Buffer, status = 200, headers: Record<string, string> = {}) => ({
      cardUrl: `${await world.serve((_, res) => res.writeHead(status, headers).end(body))}/card`,
    });

    it.each([201, 204, 404, 500])('refuses an answer of %i', async (status) => {
      const source = await served(status === 204 ? '' : JSON.stringify(flightsCard()), status);
      expect((await refused(source)).code).toBe('card_unreachable');
    });

    it('does not follow a redirect, not even to a good card', async () => {
      const good = await served(JSON.stringify(flightsCard()));
      const source = await served('', 302, { Location: good.cardUrl });
      expect((await refused(source)).code).toBe('card_unreachable');
    });

    it('takes as many bytes as inline and no more', async () => {
      expect((await refused(await served(cardOf(maxCardBytes + 1)))).code).toBe('card_unreachable');
      const { agent } = await register(await served(cardOf(maxCardBytes)));
      expect(agent.status).toBe('draft');
    });

    it('refuses what is no card', async () => {
      expect((await refused(await served('<html>'))).code).toBe('card_invalid');
    });

    it('refuses a server that is not there', async () => {
      const server = createServer();
      await new Promise<void>((resolve) => {
        server.listen(0, '127.0.0.1', resolve);
      });
      const { port } = server.address() as AddressInfo;
      await new Promise((resolve) => {
        server.close(resolve);
      });
      const source = { cardUrl: `http://127.0.0.1:${port}/card` };
      expect((await refused(source)).code).toBe('card_unreachable');
    });

    it('refuses a server that hangs up', async () => {
      const cardUrl = await world.serve((req) => req.socket.destroy());
      expect((await refused({ cardUrl })).code).toBe('card_unreachable');
    });
  });
});

describe.each(engines)('a card that cannot be fetched, on $name', (engine) => {
  const secret = 'connect 10.0.0.7:5432';
  let failure: OutboundErrorCode;
  let world: RegistryWorld;
  beforeEach(async () => {
    world = await openRegistry(engine, { fetch: () => Promise.reject(new OutboundError(failure, secret)) });
    await world.registry.admitProvider({ id: 'skyways', name: 'Skyways' }, operator);
  });
  afterEach(() => world.dispose());

  it.each<OutboundErrorCode>([
    'bad_url',
    'address_refused',
    'redirect_refused',
    'too_large',
    'timeout',
    'unreachable',
  ])('is refused when the way out says %s, without saying what is there', async (code) => {
    failure = code;
    const input = { id: 'flights', cardUrl: 'https://internal.example/card' };
    const register = () => world.registry.registerAgent('skyways', input, operator);
    const fault = await refusal(world.store, register);
    expect(fault.code).toBe('card_unreachable');
    expect(fault.message).toMatch(/^[A-Z].{20,}\.$/);
    expect(fault.message).not.toContain('10.0.0.7');
  });
});
