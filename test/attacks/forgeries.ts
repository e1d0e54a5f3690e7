import { createPublicKey } from 'node:crypto';
import type { Party } from '../support/party.ts';
import { es256, es256Der, fixed, forge, hs256, type Json, parts, type Signer, unsigned } from './forge.ts';

/** An honest token, and what an attacker knows about it. */
export interface Genuine {
  readonly token: string;
  readonly publicJwk: Json;
}

/** One that an attacker may sign: the attacker is the issuer itself, or the client. */
export interface Insider extends Genuine {
  readonly party: Party;
}

/** `token` is the attacker's; `reason` is the rule that the audit log names, or one of several. */
export type Forgery = readonly [name: string, make: (genuine: Genuine) => string, reason: string];

function header(genuine: Genuine): Json {
  return JSON.parse(parts(genuine.token).header) as Json;
}

function claims(genuine: Genuine): Json {
  return JSON.parse(parts(genuine.token).claims) as Json;
}

function pem({ publicJwk }: Genuine): string {
  return createPublicKey({ key: publicJwk, format: 'jwk' })
    .export({ format: 'pem', type: 'spki' })
    .toString();
}

/** Deep enough to break what recurses, small enough to pass every other limit. */
function nested(depth: number): string {
  return `{"deep":${'['.repeat(depth)}${']'.repeat(depth)}}`;
}

const malformed = 'token_malformed';
const algorithm = 'token_algorithm_refused';
const headerRefused = 'token_header_refused';
const keyUnknown = 'token_key_unknown';
const signatureWrong = 'token_signature_wrong';

/** What anybody can make who has seen a token and the public key. */
export function strangersForgeries(stranger: Party): readonly Forgery[] {
  const own = es256(stranger);
  const strangerJwk = stranger.jwks.keys[0];
  const withHeader = (name: string, change: Json, reason: string): Forgery => [
    name,
    (genuine) => forge({ ...header(genuine), ...change }, claims(genuine), own),
    reason,
  ];
  const withClaims = (name: string, text: string, reason = malformed): Forgery => [
    name,
    (genuine) => forge(header(genuine), text, own),
    reason,
  ];
  return [
    ['no algorithm', (g) => forge({ ...header(g), alg: 'none' }, claims(g), unsigned), malformed],
    ['no algorithm, some signature', (g) => forge({ ...header(g), alg: 'none' }, claims(g), own), algorithm],
    ['no algorithm in other letters', (g) => forge({ ...header(g), alg: 'nOnE' }, claims(g), own), algorithm],
    ['HS256 with the PEM', (g) => forge({ ...header(g), alg: 'HS256' }, claims(g), hs256(pem(g))), algorithm],
    [
      'HS256 with the JWK',
      (g) => forge({ ...header(g), alg: 'HS256' }, claims(g), hs256(JSON.stringify(g.publicJwk))),
      algorithm,
    ],
    withHeader('an algorithm of another curve', { alg: 'ES384' }, algorithm),
    withHeader(
      'an algorithm of another key type',
      { alg: 'RS256' },
      'token_algorithm_refused|token_key_unknown',
    ),
    withHeader('an algorithm as a list', { alg: ['ES256'] }, algorithm),
    withHeader('another key under the right id', {}, signatureWrong),
    withHeader('its own key in the header', { jwk: strangerJwk }, headerRefused),
    withHeader('a key set of its own', { jku: 'https://evil.example/jwks' }, headerRefused),
    withHeader('a certificate of its own', { x5u: 'https://evil.example/cert' }, headerRefused),
    withHeader('a certificate chain', { x5c: ['MIIB'] }, headerRefused),
    withHeader('a critical extension', { crit: ['exp'], exp: 1 }, headerRefused),
    withHeader('an unencoded payload', { b64: false, crit: ['b64'] }, headerRefused),
    withHeader('compression', { zip: 'DEF' }, headerRefused),
    withHeader('an id of no key', { kid: 'nobody' }, keyUnknown),
    withHeader('a path for a key id', { kid: '../../../../dev/null' }, keyUnknown),
    withHeader('a query for a key id', { kid: "' OR '1'='1" }, keyUnknown),
    withHeader('__proto__ for a key id', { kid: '__proto__' }, keyUnknown),
    withHeader('an empty key id', { kid: '' }, keyUnknown),
    withHeader('a number for a key id', { kid: 0 }, headerRefused),
    withHeader('an object for a key id', { kid: { toString: 'x' } }, headerRefused),
    withHeader('an endless key id', { kid: 'k'.repeat(300) }, headerRefused),
    withHeader('a type that is no text', { typ: 1 }, headerRefused),
    ['no signature', (g) => forge(header(g), claims(g), unsigned), malformed],
    [
      'the signature of what it was before',
      (g) => forge(header(g), { ...claims(g), jti: 'other' }, fixed(parts(g.token).signature)),
      signatureWrong,
    ],
    ['a signature of zeros', (g) => forge(header(g), claims(g), fixed(Buffer.alloc(64))), signatureWrong],
    ['half a signature', (g) => forge(header(g), claims(g), fixed(Buffer.alloc(32))), signatureWrong],
    ['two algorithms', (g) => forge(twice(header(g), 'alg', 'none', ''), claims(g), own), malformed],
    [
      'a second algorithm far behind the first',
      (g) => forge(twice(header(g), 'alg', 'none', ' '.repeat(80)), claims(g), own),
      malformed,
    ],
    withClaims('claims that are a list', '[]'),
    withClaims('claims that are no JSON', '{"iss":'),
    withClaims('claims that are nested 40 deep', nested(40)),
    withClaims('claims that are nested 5,000 deep', nested(5000)),
    withClaims('a claim named twice', '{"sub":"a","sub":"b"}'),
    withClaims('a claim named twice, once in escapes', '{"sub":"a","\\u0073ub":"b"}'),
    withClaims('a quote that never closes', `{"${'\\"'.repeat(3000)}`),
    ['what is not UTF-8', (g) => notUtf8(g, own), malformed],
    ['two parts', (g) => g.token.slice(0, g.token.lastIndexOf('.')), malformed],
    ['five parts', (g) => `${g.token}.x.y`, malformed],
    ['the JSON form of a JWS', (g) => jsonForm(g), malformed],
    ['64 KB', (g) => forge(header(g), { ...claims(g), padding: 'x'.repeat(48_000) }, own), malformed],
    ['nothing but dots', () => '..', malformed],
  ];
}

type InsidersForgery = readonly [name: string, make: (insider: Insider) => string, reason: string];

/** What only the holder of the right key can make: signed, and yet not what JWS or JSON allow. */
export const insidersForgeries: readonly InsidersForgery[] = [
  ['a signature in OpenSSL’s form', (g) => forge(header(g), claims(g), es256Der(g.party)), signatureWrong],
  ['a signature with stray bits', (g) => withStrayBits(g.token), malformed],
  ['a signature with padding', (g) => `${g.token}==`, malformed],
  ['a line end behind it', (g) => `${g.token}\n`, malformed],
  ['a subject named twice', (g) => signed(g, {}, twice(claims(g), 'sub', 'root', '')), malformed],
  [
    'a second subject far behind the first',
    (g) => signed(g, {}, twice(claims(g), 'sub', 'root', ' '.repeat(80))),
    malformed,
  ],
  [
    'a nested member named twice',
    (g) => signed(g, {}, JSON.stringify(claims(g)).replace('{', '{"a":{"b":1,"b":2},')),
    malformed,
  ],
  ['its own key in the header', (g) => signed(g, { jwk: g.publicJwk }), headerRefused],
  ['a critical extension', (g) => signed(g, { crit: ['exp'] }), headerRefused],
];

function signed(insider: Insider, change: Json, text?: string): string {
  return forge({ ...header(insider), ...change }, text ?? claims(insider), es256(insider.party));
}

function twice(object: Json, name: string, value: string, gap: string): string {
  return JSON.stringify(object).replace(/\}$/, `,"${name}"${gap}:"${value}"}`);
}

function notUtf8(genuine: Genuine, signer: Signer): string {
  const [head = ''] = genuine.token.split('.');
  const body = Buffer.concat([Buffer.from('{"sub":"'), Buffer.from([0xc3, 0x28]), Buffer.from('"}')]);
  const input = `${head}.${body.toString('base64url')}`;
  return `${input}.${signer(input)}`;
}

function jsonForm({ token }: Genuine): string {
  const [protectedHeader, payload, signature] = token.split('.');
  return JSON.stringify({ protected: protectedHeader, payload, signature });
}

/** 64 bytes leave four bits of the last character unused: another text for the same bytes. */
function withStrayBits(token: string): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  const last = alphabet.indexOf(token.slice(-1));
  return token.slice(0, -1) + alphabet.charAt(last | 1);
}
