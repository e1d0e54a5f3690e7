import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ManagementScope } from '../../src/kernel/principal.ts';
import { call, type Operator } from '../support/market.ts';
import { type AuditEntry, auditOf } from './audit.ts';
import { addProgram, openStage, type Stage } from './stage.ts';
import { exchange, managementToken } from './token-endpoint.ts';

let stage: Stage;
let acme: Operator;
let globex: Operator;
let skyways: Operator;

async function manager(owner: string): Promise<Operator> {
  const scopes: readonly ManagementScope[] = ['trust:read', 'trust:write', 'audit:read'];
  const program = await addProgram(stage, { id: `${owner.replace(':', '-')}-rules`, owner, scopes });
  return { url: stage.url, token: await managementToken(stage, program) };
}

beforeAll(async () => {
  stage = await openStage();
  acme = await manager('tenant:acme');
  globex = await manager('tenant:globex');
  skyways = await manager('provider:skyways');
});
afterAll(() => stage.close());
afterEach(async () => {
  for (const who of [stage, acme, globex, skyways]) {
    const { items } = await call<{ items: { id: string }[] }>(who, 'GET', '/v1/policies');
    for (const { id } of items) await call(who, 'DELETE', `/v1/policies/${id}`);
  }
});

async function send(who: Operator, method: string, path: string, body?: unknown) {
  stage.store.written();
  const response = await fetch(`${stage.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${who.token}`, 'content-type': 'application/json' },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  return { status: response.status, text: await response.text(), written: stage.store.written() };
}
const forbid = (condition: string) => `forbid(principal, action, resource) when { ${condition} };`;
const rule = (who: Operator, id: string, text: string) => call(who, 'POST', '/v1/policies', { id, text });

describe('a policy that somebody writes against others', () => {
  it('binds nobody who does not deal with its owner', async () => {
    await rule(acme, 'all', 'forbid(principal, action, resource);');
    await rule(acme, 'globex', 'forbid(principal in Tenant::"globex", action, resource);');
    expect((await exchange(stage, stage.acme)).status).toBe(400);
    expect((await exchange(stage, stage.globex)).status).toBe(200);
  });

  it('lets nobody in whom another has shut out', async () => {
    await rule(
      skyways,
      'not-acme',
      'forbid(principal, action, resource) when { context.tenant == Tenant::"acme" };',
    );
    await rule(acme, 'all', 'permit(principal, action, resource);');
    await rule(acme, 'not-acme', 'permit(principal, action, resource);');
    expect((await exchange(stage, stage.acme)).body.error).toBe('invalid_target');
  });

  it('cannot carry another’s name, and its answer tells nothing of what is there', async () => {
    await rule(globex, 'secret', forbid('context.depth == 9'));
    for (const owner of ['tenant:globex', 'tenant:nobody', 'operator', 'provider:skyways']) {
      const attempts = [
        await send(acme, 'POST', '/v1/policies', { id: 'mine', owner, text: forbid('true') }),
        await send(acme, 'GET', `/v1/policies?owner=${owner}`),
        await send(acme, 'GET', `/v1/policies/secret?owner=${owner}`),
        await send(acme, 'PUT', `/v1/policies/secret?owner=${owner}`, { text: forbid('true') }),
        await send(acme, 'DELETE', `/v1/policies/secret?owner=${owner}`),
      ];
      // That it was tried is in the audit log, and nothing else is written.
      for (const { status, written } of attempts) expect([status, [...written]]).toEqual([403, ['audit']]);
    }
    expect((await send(acme, 'GET', '/v1/policies/secret')).status).toBe(404);
    // The same id is free for everybody.
    await rule(acme, 'secret', forbid('context.depth == 9'));
  });

  it('finds nothing of another tenant in the entities, whatever it names', async () => {
    await rule(
      acme,
      'peek',
      forbid(
        '[Tenant::"globex", Tenant::"acme"].contains(context.tenant) && (principal in Tenant::"globex" || context.actors.contains("globex-app"))',
      ),
    );
    expect((await exchange(stage, stage.acme)).status).toBe(200);
    const { decision } = await call<{ decision: string }>(acme, 'POST', '/v1/policies/check', {
      principal: { client: 'globex-app', owner: 'tenant:globex' },
      resource: { agent: 'skyways/flights' },
      context: { tenant: 'globex' },
    });
    // Its own rule, about its own words: nothing of the real globex is looked up.
    expect(decision).toBe('refuse');
  });
});

describe('an id or a text that would be more than it is', () => {
  it.each([
    'x"; permit(principal, action, resource); //',
    '../clients/acme-app',
    'a#b',
    '__proto__',
    'POLICY',
    'pol\u0000icy',
    '策略',
    'x'.repeat(65),
    '',
  ])('the id %j', async (id) => {
    const { status, written } = await send(acme, 'POST', '/v1/policies', { id, text: forbid('true') });
    expect([status, [...written]]).toEqual([400, []]);
  });

  it('is a name and nothing else, even when it is one of JavaScript’s own', async () => {
    await rule(acme, 'constructor', forbid('true'));
    expect((await exchange(stage, stage.acme)).body.error).toBe('invalid_target');
  });

  it.each([
    ['a text of a megabyte', `// ${'x'.repeat(900_000)}\n${forbid('true')}`, 400],
    ['a text that is just too long in UTF-8', `// ${'ż'.repeat(2100)}\n${forbid('true')}`, 422],
    ['brackets without end', forbid('('.repeat(3000)), 422],
    ['a thousand brackets', forbid(`${'('.repeat(1000)}true${')'.repeat(1000)}`), 422],
    ['a long sum', forbid(`${'1+'.repeat(1500)}1 == 1`), 422],
    ['sets in sets', forbid(`${'['.repeat(500)}1${']'.repeat(500)}.isEmpty()`), 422],
    ['a second policy', `${forbid('true')} permit(principal, action, resource);`, 422],
    [
      'a second policy behind a comment that ends early',
      `// x\r permit(principal, action, resource);\n${forbid('true')}`,
      422,
    ],
    ['a template', 'permit(principal == ?principal, action, resource);', 422],
    ['half of a character', `// \ud800\n${forbid('true')}`, 400],
    ['NUL', `// \u0000\n${forbid('true')}`, 400],
    ['letters of another alphabet', forbid('context.tier == "gоld"'), 422],
    ['a text that turns around', forbid('context.tier == "\u202Edlog"'), 422],
    ['an entity type of another schema', forbid('principal == User::"admin"'), 422],
  ])('%s', async (_, text, status) => {
    const refused = await send(acme, 'POST', '/v1/policies', { text });
    expect([refused.status, [...refused.written]]).toEqual([status, []]);
    expect(refused.text.length).toBeLessThan(4000);
    expect((await send(acme, 'POST', '/v1/policies/check', { ...trial, draft: { text } })).status).toBe(
      status,
    );
    expect((await exchange(stage, stage.acme)).status).toBe(200);
  });

  const trial = {
    principal: { client: 'acme-app', owner: 'tenant:acme' },
    resource: { agent: 'skyways/flights' },
    context: { tenant: 'acme' },
  };
});

describe('the audit of a refusal by policy', () => {
  const seenBy = async (who: Operator, query = ''): Promise<AuditEntry | undefined> =>
    (await auditOf(who, query)).find(({ action }) => action === 'token.exchange');

  it('names a policy to its owner and the operator alone', async () => {
    await rule(stage, 'operators-own', forbid('context.depth == 9'));
    await rule(skyways, 'skyways-own', 'forbid(principal, action, resource);');
    await rule(acme, 'acme-own', 'permit(principal, action, resource);');
    await exchange(stage, stage.acme);
    const tenants = JSON.stringify(await seenBy(acme));
    const providers = JSON.stringify(await seenBy(skyways));
    const operators = JSON.stringify(await seenBy(stage, 'tenant=acme'));
    const names = ['operators-own', 'skyways-own', 'acme-own'];
    const seen = (text: string) =>
      names.filter((name) => text.includes(name) || text.includes(`owner":"${name}`));
    expect([tenants, providers, operators].map(seen)).toEqual([
      ['acme-own'],
      ['skyways-own'],
      ['skyways-own', 'acme-own'],
    ]);
    expect(tenants).toContain('"reason":"policy_forbids"');
    expect(tenants).not.toContain('provider:skyways');
    // Who has none of its own learns that one of the others refused, and not which.
    await call(acme, 'DELETE', '/v1/policies/acme-own');
    await exchange(stage, stage.acme);
    expect((await seenBy(acme))?.detail).toEqual({ error: 'invalid_target' });
  });
});
