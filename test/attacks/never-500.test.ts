import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLmdbStore } from '../../src/storage/lmdb/index.ts';
import { systemClock } from '../../src/kernel/clock.ts';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { es256, forge } from './forge.ts';
import { openStage, type Stage } from './stage.ts';
import { exchange } from './token-endpoint.ts';

/** On the embedded engine: it has limits of its own on what a key may be. */
let stage: Stage;
let directory: string;

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'broker-attacks-'));
  stage = await openStage({ store: openLmdbStore({ clock: systemClock, directory }) });
});
afterAll(async () => {
  await stage.close();
  await rm(directory, { recursive: true, force: true });
});

/** Texts that some layer below may not like. */
const nasty = [
  '\0',
  'a\0b',
  '\u{d800}',
  '\u{fffd}'.repeat(300),
  'x'.repeat(600),
  'é'.repeat(64),
  '..',
  '../../etc/passwd',
  '%00',
  '%2e%2e%2f',
  '__proto__',
  'constructor',
  'a#b',
  'a>b',
  '${7*7}',
  '\r\nSet-Cookie: a=b',
  '-1',
  '1e999',
  'NaN',
  '💣',
  '',
] as const;
const text = fc.constantFrom(...nasty);
const value = fc.oneof(
  text,
  fc.constantFrom(null, true, 0, -1, 1e308, 0.1),
  fc.array(text, { maxLength: 3 }),
  fc.dictionary(text, text, { maxKeys: 3 }),
);

interface Operation {
  readonly parameters?: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: {
    readonly content: Readonly<Record<string, { schema: { properties?: object; $ref?: string } }>>;
  };
}

async function operations(): Promise<readonly (Operation & { method: string; path: string })[]> {
  const document = (await (await fetch(`${stage.url}/openapi.json`)).json()) as {
    paths: Record<string, Record<string, Operation>>;
  };
  return Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ ...operation, method, path })),
  );
}

describe('every documented call, with texts that a store or a parser may not like', () => {
  it('refuses what it does not understand; none of it is an internal error', async () => {
    const all = await operations();
    expect(all.length).toBeGreaterThan(30);
    for (const operation of all) {
      const type = Object.keys(operation.requestBody?.content ?? {})[0];
      const schema = type === undefined ? undefined : operation.requestBody?.content[type]?.schema;
      const members = Object.keys(schema?.properties ?? {});
      await fc.assert(
        fc.asyncProperty(fc.infiniteStream(text), fc.infiniteStream(value), async (texts, values) => {
          const next = () => String(texts.next().value);
          const path = operation.path.replaceAll(/\{[^}]+\}/g, () => encode(next()) || 'x');
          const query = (operation.parameters ?? [])
            .filter((parameter) => parameter.in === 'query')
            .map(({ name }) => `${name}=${encode(next())}`)
            .join('&');
          const body = Object.fromEntries(members.map((name) => [name, values.next().value]));
          const response = await fetch(`${stage.url}${path}?${query}`, {
            method: operation.method.toUpperCase(),
            headers: {
              authorization: `Bearer ${stage.token}`,
              ...(type === undefined ? {} : { 'content-type': type }),
            },
            ...(type === undefined ? {} : { body: JSON.stringify(body) }),
          });
          const answer = await response.text();
          const where = `${operation.method} ${path}?${query}: ${answer}`;
          expect([where, response.status < 500]).toEqual([where, true]);
        }),
        { numRuns: 8 },
      );
    }
  }, 60_000);

  function encode(part: string): string {
    // A lone surrogate has no UTF-8.
    return encodeURIComponent(Buffer.from(part).toString());
  }
});

describe('tokens of the right key, with such texts in every claim', () => {
  const claim = fc.constantFrom(
    'sub',
    'aud',
    'azp',
    'client_id',
    'scope',
    'jti',
    'tenant',
    'act',
    'exp',
    'iat',
  );

  it('as subject', async () => {
    const { acme } = stage;
    await fc.assert(
      fc.asyncProperty(claim, value, async (name, hostile) => {
        const now = Math.floor(Date.now() / 1000);
        const claims = { iss: acme.issuer, sub: 'u', aud: 'app', iat: now, exp: now + 60, [name]: hostile };
        const token = forge({ alg: 'ES256', kid: acme.idp.jwks.keys[0]?.kid }, claims, es256(acme.idp));
        const reply = await exchange(stage, acme, { subject_token: token });
        expect([reply.text, reply.status < 500]).toEqual([reply.text, true]);
      }),
      { numRuns: 150 },
    );
  });

  it('as client assertion', async () => {
    const { client, clientId, ...acme } = stage.acme;
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('sub', 'iss', 'both', 'aud', 'jti', 'exp', 'iat', 'nbf'),
        value,
        async (name, hostile) => {
          const now = Math.floor(Date.now() / 1000);
          const named = name === 'both' ? { iss: hostile, sub: hostile } : { [name]: hostile };
          const claims = { iss: clientId, sub: clientId, aud: stage.url, iat: now, exp: now + 60, ...named };
          const token = forge({ alg: 'ES256', kid: client.jwks.keys[0]?.kid }, claims, es256(client));
          const reply = await exchange(stage, stage.acme, {
            client_assertion: token,
            subject_token: await acme.idToken(),
          });
          expect([reply.text, reply.status < 500]).toEqual([reply.text, true]);
        },
      ),
      { numRuns: 150 },
    );
  });

  it('as any parameter of the token endpoint', async () => {
    const parameters = ['scope', 'resource', 'audience', 'actor_token', 'actor_token_type', 'client_id'];
    await fc.assert(
      fc.asyncProperty(fc.constantFrom(...parameters), text, async (name, hostile) => {
        const reply = await exchange(stage, stage.acme, { [name]: hostile });
        expect([reply.text, reply.status < 500]).toEqual([reply.text, true]);
      }),
      { numRuns: 100 },
    );
  });
});
