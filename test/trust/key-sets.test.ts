import { generateKeyPairSync } from 'node:crypto';
import { exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { refusal as faultOf } from '../tenancy/watched-store.ts';
import { newParty } from '../support/party.ts';
import { engines } from '../support/stores.ts';
import { addAgent, addClient, addTenant, type CastAgent, exchange, outcome, subscribe } from './cast.ts';
import { serveKeys } from './key-server.ts';
import { openTrust, operator, type TrustWorld } from './world.ts';

type NewIssuer = Parameters<TrustWorld['trust']['registerIssuer']>[1];
type Jwks = NonNullable<NewIssuer['jwks']>;
type Pair = Awaited<ReturnType<typeof generateKeyPair>>;

const [memory = expect.fail('no engine')] = engines;
let world: TrustWorld;
let flights: CastAgent;
let serial = 0;
const pairs = new Map<string, Promise<Pair>>();

/** Made once: RSA keys are slow. */
function pairFor(algorithm: string): Promise<Pair> {
  const known = pairs.get(algorithm);
  if (known !== undefined) return known;
  const made = generateKeyPair(algorithm, { extractable: true });
  pairs.set(algorithm, made);
  return made;
}

async function publicJwk(algorithm: string, more: JWK = {}): Promise<JWK> {
  return { ...(await exportJWK((await pairFor(algorithm)).publicKey)), kid: algorithm, ...more };
}

function register(keys: readonly object[], more: Partial<NewIssuer> = {}) {
  const issuer = `https://idp-${++serial}.example`;
  return world.trust.registerIssuer(
    'tenant:acme',
    { issuer, jwks: { keys } as unknown as Jwks, ...more },
    operator,
  );
}

/** An exchange with a token of a new issuer of these keys. */
async function hop(
  keys: readonly object[],
  signing: { readonly algorithm: string; readonly key?: Pair['privateKey']; readonly kid?: string },
  more: Partial<NewIssuer> = {},
): Promise<string> {
  const { issuer } = await register(keys, more);
  const app = await addClient(world, {
    id: `app-${serial}`,
    owner: 'tenant:acme',
    issuerClientIds: { [issuer]: 'app' },
  });
  const now = Math.floor(world.clock.now() / 1000);
  const header = {
    alg: signing.algorithm,
    ...(signing.kid === undefined ? {} : { kid: signing.kid }),
  };
  const token = await new SignJWT({ iss: issuer, sub: 'u', aud: 'app', iat: now, exp: now + 60 })
    .setProtectedHeader(header)
    .sign(signing.key ?? (await pairFor(signing.algorithm)).privateKey);
  return outcome(exchange(world, app, token, { audience: flights.id }));
}

beforeAll(async () => {
  world = await openTrust(memory);
  flights = await addAgent(world, 'skyways/flights');
  await subscribe(world, await addTenant(world, 'acme'), flights);
});
afterAll(() => world.dispose());

const granted = 'a2a:invoke a2a:read';

describe('algorithms of an issuer', () => {
  it.each(['ES256', 'EdDSA', 'PS256'])('%s is taken unless the record says less', async (algorithm) => {
    const keys = [await publicJwk(algorithm)];
    expect(await hop(keys, { algorithm, kid: algorithm })).toBe(granted);
    const other = algorithm === 'ES256' ? 'EdDSA' : 'ES256';
    expect(await hop(keys, { algorithm, kid: algorithm }, { algorithms: [other] })).toBe(
      'invalid_request token_algorithm_refused',
    );
  });

  it('RS256 is taken only where the record says so', async () => {
    const keys = [await publicJwk('RS256')];
    const signing = { algorithm: 'RS256', kid: 'RS256' };
    expect(await hop(keys, signing)).toBe('invalid_request token_algorithm_refused');
    expect(await hop(keys, signing, { algorithms: ['RS256'] })).toBe(granted);
  });

  it.each(['ES384', 'ES512', 'RS512', 'PS384'])('%s is never taken', async (algorithm) => {
    const keys = [await publicJwk(algorithm), await publicJwk('ES256')];
    expect(await hop(keys, { algorithm, kid: algorithm })).toBe('invalid_request token_algorithm_refused');
  });

  it('a key works for the algorithm of its kind alone', async () => {
    const keys = [await publicJwk('EdDSA', { kid: 'k' })];
    expect(await hop(keys, { algorithm: 'ES256', kid: 'k' })).toBe('invalid_request token_key_unknown');
  });

  it('a key works for the algorithm alone that it names (RFC 7517 §4.4)', async () => {
    const key = (await pairFor('PS256')).privateKey;
    const jwk = await exportJWK((await pairFor('PS256')).publicKey);
    const named = [{ ...jwk, kid: 'k', alg: 'RS256' }];
    const unnamed = [{ ...jwk, kid: 'k' }];
    expect(await hop(unnamed, { algorithm: 'PS256', kid: 'k', key })).toBe(granted);
    expect(await hop(named, { algorithm: 'PS256', kid: 'k', key })).toBe('invalid_request token_key_unknown');
  });

  it('a key may name its algorithm as RFC 9864 does', async () => {
    const keys = [await publicJwk('EdDSA', { alg: 'Ed25519' })];
    expect(await hop(keys, { algorithm: 'EdDSA', kid: 'EdDSA' })).toBe(granted);
  });

  it.each([
    ['for encryption', { use: 'enc' }],
    ['for something other than to verify', { key_ops: ['deriveBits'] }],
  ])('a key %s verifies nothing', async (_, more) => {
    const keys = [await publicJwk('ES256', { kid: 'k', ...more }), (await newParty()).jwks.keys[0] ?? {}];
    expect(await hop(keys, { algorithm: 'ES256', kid: 'k' })).toBe('invalid_request token_key_unknown');
  });

  it('of several keys without an id the one that signed is found', async () => {
    const others = await Promise.all([newParty(), newParty()]);
    const keys = [...others.flatMap(({ jwks }) => jwks.keys), await publicJwk('ES256')].map(
      ({ kid: _, ...jwk }) => jwk,
    );
    expect(await hop(keys, { algorithm: 'ES256' })).toBe(granted);
  });
});

describe('a key set', () => {
  it.each([
    ['without keys', () => []],
    ['with a private key', async () => [await exportJWK((await pairFor('ES256')).privateKey)]],
    [
      'with a private key among others',
      async () => [await publicJwk('ES256'), await exportJWK((await pairFor('EdDSA')).privateKey)],
    ],
    ['with a symmetric key', () => [{ kty: 'oct', k: 'c2VjcmV0' }]],
    ['with a symmetric key of another name', async () => [{ ...(await publicJwk('ES256')), k: 'c2VjcmV0' }]],
    ['with keys for encryption only', async () => [await publicJwk('ES256', { use: 'enc' })]],
    ['with keys of curves only that are not used', async () => [await publicJwk('ES384')]],
    ['with a short RSA key only', () => [shortRsa()]],
    ['with something that is no key', () => [{ kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' }]],
    ['with a text for a key', () => ['key' as unknown as object]],
    [
      'with more than a hundred keys',
      async () => {
        const key = await publicJwk('ES256');
        return Array.from({ length: 101 }, () => key);
      },
    ],
  ] as readonly [string, () => readonly object[] | Promise<readonly object[]>][])(
    '%s is refused, and the issuer with it',
    async (_, make) => {
      const keys = await make();
      const fault = await faultOf(world.store, () => register(keys));
      expect(fault.code).toBe('keys_unusable');
    },
  );

  it('may hold keys that are of no use here beside one that is', async () => {
    const keys = [await publicJwk('ES384'), { kty: 'OKP', crv: 'X25519', x: 'AA' }, await publicJwk('ES256')];
    expect((await register(keys)).status).toBe('active');
  });

  it.each([
    ['answers an error', '{"keys":[]}', 404],
    ['answers no JSON', '<html>', 200],
    ['answers a list', '[]', 200],
    ['is larger than 128 KiB', JSON.stringify({ keys: [], pad: 'x'.repeat(128 * 1024) }), 200],
  ])('at a URL that %s is refused', async (_, body, status) => {
    const server = await serveKeys({});
    server.answer(body, status);
    const fault = await faultOf(world.store, () =>
      world.trust.registerIssuer(
        'tenant:acme',
        { issuer: `https://idp-${++serial}.example`, jwksUri: server.url },
        operator,
      ),
    );
    expect(fault.code).toBe('keys_unusable');
    await server.close();
  });

  it('at a URL that nobody answers is refused', async () => {
    const server = await serveKeys({});
    await server.close();
    const issuer = `https://idp-${++serial}.example`;
    const fault = await faultOf(world.store, () =>
      world.trust.registerIssuer('tenant:acme', { issuer, jwksUri: server.url }, operator),
    );
    expect(fault).toMatchObject({ code: 'keys_unusable', message: expect.stringContaining('fetched') });
  });
});

function shortRsa(): object {
  return generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey.export({ format: 'jwk' });
}
