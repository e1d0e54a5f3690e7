import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { OutboundError } from '../../src/outbound/port.ts';
import { newParty, type Party } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import {
  addAgent,
  addClient,
  addTenant,
  type CastAgent,
  type CastTenant,
  exchange,
  outcome,
  type Program,
  programOf,
  refusal,
  subscribe,
} from './cast.ts';
import { type KeyServer, serveKeys } from './key-server.ts';
import { openTrust, operator, type TrustWorld, type WorldOptions } from './world.ts';

const issuer = 'https://idp.acme.example';
const unavailable = 'temporarily_unavailable issuer_keys_unavailable';
const granted = 'a2a:invoke a2a:read';
const [memory = expect.fail('no engine')] = engines;

let world: TrustWorld;
let acme: CastTenant;
let flights: CastAgent;
let app: Program;
let idp: Party;
let server: KeyServer;

/** Tenant, agent and a trusted issuer whose keys are at the server. */
async function open(options: WorldOptions = {}): Promise<void> {
  world = await openTrust(memory, options);
  acme = await addTenant(world, 'acme');
  flights = await addAgent(world, 'skyways/flights');
  await subscribe(world, acme, flights);
  await world.trust.registerIssuer('tenant:acme', { issuer, jwksUri: server.url }, operator);
  app = await addClient(world, {
    id: 'acme-web',
    owner: 'tenant:acme',
    issuerClientIds: { [issuer]: 'app' },
  });
}

/** An exchange with a token signed by this party, under this key id (default: its own). */
async function hop(by: Party = idp, header: Record<string, string> = {}): Promise<string> {
  const now = Math.floor(world.clock.now() / 1000);
  const token = await by.sign({ iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 3600 }, header);
  return outcome(exchange(world, app, token, { audience: flights.id }));
}

beforeEach(async () => {
  idp = await newParty();
  server = await serveKeys(idp.jwks);
});
afterEach(async () => {
  await server.close();
  await world.dispose();
});

describe('keys of an issuer', () => {
  beforeEach(() => open());

  it('are fetched once for many tokens, and again after ten minutes', async () => {
    const before = server.requests();
    for (let count = 0; count < 3; count++) expect(await hop()).toBe(granted);
    expect(server.requests() - before).toBe(1);
    world.clock.advance(10 * 60_000);
    expect(await hop()).toBe(granted);
    expect(server.requests() - before).toBe(1);
    world.clock.advance(1);
    expect(await hop()).toBe(granted);
    expect(server.requests() - before).toBe(2);
  });

  it('are fetched once for tokens that come together', async () => {
    const before = server.requests();
    const release = server.hold();
    const hops = Array.from({ length: 5 }, () => hop());
    await expect.poll(() => server.requests() - before).toBe(1);
    release();
    expect(await Promise.all(hops)).toEqual(Array.from({ length: 5 }, () => granted));
    expect(server.requests() - before).toBe(1);
  });

  it('are fetched anew for a key id that is not known: the issuer has rotated', async () => {
    expect(await hop()).toBe(granted);
    const next = await newParty();
    server.answer({ keys: [...idp.jwks.keys, ...next.jwks.keys] });
    world.clock.advance(5_000);
    expect(await hop(next)).toBe(granted);
    expect(await hop()).toBe(granted);
  });

  it('get not one token more when the issuer has taken them back and the cache is old', async () => {
    const next = await newParty();
    server.answer({ keys: [...idp.jwks.keys, ...next.jwks.keys] });
    expect(await hop()).toBe(granted);
    server.answer(next.jwks);
    world.clock.advance(10 * 60_000 + 1);
    expect(await hop()).toBe('invalid_request token_key_unknown');
    expect(await hop(next)).toBe(granted);
  });

  describe('that are not known', () => {
    const unknown = async () =>
      expect(await hop(idp, { kid: randomUUID() })).toBe('invalid_request token_key_unknown');

    it('are asked for once at a time, however many there are', async () => {
      expect(await hop()).toBe(granted);
      const before = server.requests();
      world.clock.advance(5_000);
      for (let count = 0; count < 30; count++) await unknown();
      world.clock.advance(999);
      await unknown();
      expect(server.requests() - before).toBe(1);
      expect(await hop()).toBe(granted);
    });

    it('are asked for once more soon after: somebody has probed, and then the issuer has rotated', async () => {
      expect(await hop()).toBe(granted);
      world.clock.advance(5_000);
      await unknown();
      const before = server.requests();
      const next = await newParty();
      server.answer({ keys: [...idp.jwks.keys, ...next.jwks.keys] });
      world.clock.advance(1_000);
      expect(await hop(next)).toBe(granted);
      expect(server.requests() - before).toBe(1);
    });

    it('are then waited for: the fetch more is one a minute', async () => {
      expect(await hop()).toBe(granted);
      world.clock.advance(5_000);
      const before = server.requests();
      for (let second = 0; second < 60; second++) {
        for (let count = 0; count < 3; count++) await unknown();
        world.clock.advance(1_000);
      }
      // One each five seconds, and one more.
      expect(server.requests() - before).toBe(13);
    });

    it('are not asked for so soon while the issuer does not answer', async () => {
      expect(await hop()).toBe(granted);
      server.answer('down', 503);
      world.clock.advance(5_000);
      const before = server.requests();
      await unknown();
      world.clock.advance(1_000);
      await unknown();
      expect(server.requests() - before).toBe(1);
    });
  });

  it('are used without a key id when they fit the algorithm', async () => {
    const now = Math.floor(world.clock.now() / 1000);
    const token = await new SignJWT({ iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 60 })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(idp.privateKey);
    expect(await outcome(exchange(world, app, token, { audience: flights.id }))).toBe(granted);
  });

  describe('while the issuer is down', () => {
    it('keep counting for a day, and not a moment longer', async () => {
      expect(await hop()).toBe(granted);
      server.answer('down', 503);
      world.clock.advance(24 * 3600_000);
      expect(await hop()).toBe(granted);
      world.clock.advance(1);
      expect(await hop()).toBe(unavailable);
      server.answer(idp.jwks);
      world.clock.advance(5_000);
      expect(await hop()).toBe(granted);
    });

    it('are waited for once, and then asked for beside the work', async () => {
      expect(await hop()).toBe(granted);
      server.answer('down', 503);
      world.clock.advance(10 * 60_000 + 1);
      const before = server.requests();
      expect(await hop()).toBe(granted);
      expect(server.requests() - before).toBe(1);
      world.clock.advance(5_000);
      const release = server.hold();
      expect(await hop()).toBe(granted);
      await expect.poll(() => server.requests() - before).toBe(2);
      release();
    });

    it('keep counting also when it answers nonsense, and for what is not known there is no key', async () => {
      expect(await hop()).toBe(granted);
      server.answer({ keys: [] });
      world.clock.advance(10 * 60_000 + 1);
      expect(await hop()).toBe(granted);
      world.clock.advance(5_000);
      expect(await hop(await newParty())).toBe('invalid_request token_key_unknown');
    });

    it('cannot be had at all when it was never reached: the caller may try again', async () => {
      server.answer('down', 500);
      expect(await hop()).toBe(unavailable);
      server.answer(idp.jwks);
      expect(await hop()).toBe(unavailable);
      world.clock.advance(5_000);
      expect(await hop()).toBe(granted);
    });

    it('say when to try again', async () => {
      server.answer('down', 500);
      const now = Math.floor(world.clock.now() / 1000);
      const token = await idp.sign({ iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 60 });
      await expect(exchange(world, app, token, { audience: flights.id })).rejects.toMatchObject({
        retryAfterSeconds: 5,
      });
    });
  });

  it('of a client are treated the same', async () => {
    const party = await newParty();
    const keys = await serveKeys(party.jwks);
    const issuerClientIds = { [acme.issuer]: 'app' };
    const remote = await addClient(
      world,
      { id: 'acme-remote', owner: 'tenant:acme', issuerClientIds, jwksUri: keys.url },
      party,
    );
    const ask = async (program: Program) =>
      outcome(exchange(world, program, await acme.idToken(), { audience: flights.id }));
    expect(await ask(remote)).toBe(granted);
    const next = await newParty();
    keys.answer(next.jwks);
    world.clock.advance(5_000);
    expect(await ask(programOf(world, remote.id, next))).toBe(granted);
    await keys.close();
    world.clock.advance(24 * 3600_000 + 1);
    expect(await ask(programOf(world, remote.id, next))).toBe(
      'temporarily_unavailable client_keys_unavailable',
    );
  });
});

describe('a fetch that breaks in a way that nobody foresaw', () => {
  it('does not end the issuer’s keys for good', async () => {
    let failure: Error | undefined;
    await open({
      outbound: {
        fetch: async ({ url }) => {
          if (failure !== undefined) throw failure;
          const response = await fetch(url);
          return { status: response.status, headers: {}, body: await response.text() };
        },
      },
    });
    failure = new TypeError('a bug of ours');
    await expect(hop()).rejects.toThrow('a bug of ours');
    failure = new OutboundError('unreachable', 'no');
    world.clock.advance(5_000);
    expect(await hop()).toBe(unavailable);
    failure = undefined;
    world.clock.advance(5_000);
    expect(await hop()).toBe(granted);
    expect(await refusal(exchange(world, app, 'x', { audience: flights.id }))).toBe(
      'invalid_request token_malformed',
    );
  });
});
