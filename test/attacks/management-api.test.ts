import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../src/kernel/digest.ts';
import { managementScopes } from '../../src/kernel/principal.ts';
import { openLine, say } from '../support/a2a.ts';
import { call, cardFor } from '../support/market.ts';
import { newParty } from '../support/party.ts';
import { accessTable, type Aimed } from './access-table.ts';
import { addCompany, addProgram, agree, openStage, type Stage } from './stage.ts';
import { claimsOf, exchange, managementToken, tokenOf } from './token-endpoint.ts';

const attacker = await newParty();
const table = accessTable(attacker.jwks.keys[0]);

let stage: Stage;
/** Real ids of what belongs to lodging and globex, for the table's placeholders. */
let ids: Readonly<Record<string, string>>;
/** Tokens, by who holds them. */
let tokens: Readonly<
  Record<'otherProvider' | 'otherTenant' | 'provider' | 'tenant' | 'weakProvider' | 'weakTenant', string>
>;

async function tokenWith(id: string, owner: string, scopes: readonly string[]): Promise<string> {
  return managementToken(stage, await addProgram(stage, { id, owner, scopes }));
}

beforeAll(async () => {
  stage = await openStage();
  const lodging = await addCompany(stage, 'lodging/hotels');
  await call(stage, 'POST', '/v1/providers/lodging/agents', {
    id: 'draft',
    card: cardFor('https://draft.lodging.example/rpc'),
  });
  await call(stage, 'POST', '/v1/providers', { id: 'third', name: 'Third' });
  const issuer = { issuer: 'https://login.lodging.example', jwks: (await newParty()).jwks };
  await call(stage, 'POST', '/v1/providers/lodging/issuers', issuer);
  await call(stage, 'POST', '/v1/plans', {
    key: 'standard',
    currency: 'EUR',
    prices: [{ meter: 'calls', model: 'per_unit', unitAmount: '0.10' }],
  });
  await call(stage, 'POST', '/v1/tenants/globex/subscriptions', { agent: lodging.agent, plan: 'standard' });
  const callToken = tokenOf(await exchange(stage, stage.globex, { audience: lodging.agent }));
  await (
    await openLine({ ...stage.market, agent: lodging.agent }, stage.globex, callToken)
  ).call('SendMessage', say('hi'));
  for (const owner of ['operator', 'tenant:globex'])
    await call(stage, 'POST', '/v1/policies', {
      id: 'guard',
      owner,
      text: 'permit(principal, action, resource);',
    });
  await call(stage, 'PUT', '/v1/providers/lodging/tenant-links/globex', { audTenant: 'globex-there' });
  const sub = String(claimsOf(callToken)['sub']);
  await call(stage, 'PUT', `/v1/providers/lodging/user-links/${sub}`, { audSub: 'user-there' });
  const period = new Date().toISOString().slice(0, 7);
  await call(stage, 'POST', `/v1/billing/periods/${period}/close`, { early: true });

  const first = async (path: string) => {
    const { items } = await call<{ items: { id: string }[] }>(stage, 'GET', path);
    return items[0]?.id ?? expect.fail(`nothing at ${path}`);
  };
  ids = {
    PERIOD: period,
    DELEGATION: sha256(String(claimsOf(callToken)['jti'])),
    TRANSACTION: String(claimsOf(callToken)['txn']),
    AGREEMENT: (await agree(stage, 'lodging', 'third')).id,
    INVOICE: await first('/v1/invoices?tenant=globex'),
    SETTLEMENT: await first('/v1/settlements?provider=lodging'),
    SUBSCRIPTION: await first('/v1/tenants/globex/subscriptions'),
    USER_SUB: sub,
    LINK: (
      await call<{ id: string }>(stage, 'POST', '/v1/tenants/globex/links', {
        issuer: stage.acme.issuer,
        externalId: 'globex-there',
      })
    ).id,
    TENANT_ISSUER: await first('/v1/tenants/globex/issuers'),
    PROVIDER_ISSUER: await first('/v1/providers/lodging/issuers'),
  };
  tokens = {
    otherProvider: await tokenWith('sky-all', 'provider:skyways', managementScopes),
    otherTenant: await tokenWith('acme-all', 'tenant:acme', managementScopes),
    provider: await tokenWith('lodging-all', 'provider:lodging', managementScopes),
    tenant: await tokenWith('globex-all', 'tenant:globex', managementScopes),
    weakProvider: await tokenWith('lodging-weak', 'provider:lodging', ['usage:write']),
    weakTenant: await tokenWith('globex-weak', 'tenant:globex', ['usage:write']),
  };
});
afterAll(() => stage.close());

async function attempt({ call: name, path, body }: Aimed, token: string | undefined) {
  const real = path.replace(/[A-Z_]{5,}/g, (placeholder) => ids[placeholder] ?? placeholder);
  stage.store.written();
  const response = await fetch(`${stage.url}${real}`, {
    method: name.split(' ')[0] ?? '',
    headers: {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  // That it was forbidden may be on record; nothing else.
  const written = [...stage.store.written()].filter((kind) => response.status !== 403 || kind !== 'audit');
  return { status: response.status, text, written };
}

const named = (aimed: readonly Aimed[]) => aimed.map((one) => [`${one.call} at ${one.path}`, one] as const);
const guarded = table.filter(({ access }) => access !== 'anybody');
const refusing = guarded.filter(({ access }) => access !== 'narrowed');

it('the table has every call of the management API', async () => {
  const { paths } = (await (await fetch(`${stage.url}/openapi.json`)).json()) as {
    paths: Record<string, object>;
  };
  const documented = Object.entries(paths)
    .filter(([path]) => path.startsWith('/v1/'))
    .flatMap(([path, methods]) => Object.keys(methods).map((method) => `${method.toUpperCase()} ${path}`));
  // Reporting usage is a party of one: see usage-forgery.
  const known = new Set([...table.map(({ call: name }) => name), 'POST /v1/usage/events']);
  expect(documented.filter((name) => !known.has(name))).toEqual([]);
});

describe('without credentials, and with bad ones', () => {
  it.each(named(table))('%s', async (_, aimed) => {
    for (const token of [undefined, 'nonsense', `${stage.token}x`, stage.token.slice(0, -1)]) {
      const { status, written } = await attempt(aimed, token);
      expect([status, [...written]]).toEqual([401, []]);
    }
  });
});

describe('another provider’s program, and another tenant’s, with every scope there is', () => {
  it.each(named(refusing))('%s', async (_, aimed) => {
    for (const token of [tokens.otherProvider, tokens.otherTenant]) {
      const { status, text, written } = await attempt(aimed, token);
      expect(`${status} ${text}`).toMatch(
        aimed.access === 'hidden' ? /^404 .*"not_found"/ : /^403 .*"forbidden"/,
      );
      expect([...written]).toEqual([]);
    }
  });
});

describe('a view of two parties', () => {
  it.each(named(table.filter(({ access }) => access === 'narrowed')))(
    'is refused to a party of the same kind, and the other kind sees its own in it: %s',
    async (_, aimed) => {
      const isOfProvider = aimed.owner === 'provider';
      const same = await attempt(aimed, isOfProvider ? tokens.otherProvider : tokens.otherTenant);
      expect(`${same.status} ${same.text}`).toMatch(/^403 .*"forbidden"/);
      const other = await attempt(aimed, isOfProvider ? tokens.otherTenant : tokens.otherProvider);
      expect(other.status).toBe(200);
      expect(other.text).not.toContain(isOfProvider ? 'globex' : 'lodging');
    },
  );
});

describe('the party’s own program', () => {
  it.each(named(table.filter(({ access }) => access === 'operator')))(
    'is not the operator: %s',
    async (_, aimed) => {
      for (const token of [tokens.provider, tokens.tenant]) {
        const { status, written } = await attempt(aimed, token);
        expect([status, [...written]]).toEqual([403, []]);
      }
    },
  );

  it.each(named(guarded.filter(({ owner }) => owner !== undefined)))(
    'needs the scope: %s',
    async (_, aimed) => {
      const { status, written } = await attempt(
        aimed,
        aimed.owner === 'provider' ? tokens.weakProvider : tokens.weakTenant,
      );
      // A provider's own agent is its own to see, whatever its scopes.
      if (aimed.call === 'GET /v1/agents/{provider}/{agent}') return;
      expect([status, [...written]]).toEqual([403, []]);
    },
  );

  it.each(named(guarded.filter(({ owner, call: name }) => owner !== undefined && name.startsWith('GET'))))(
    'with the scope is let in, so that the refusals above mean something: %s',
    async (_, aimed) => {
      const token = aimed.owner === 'provider' ? tokens.provider : tokens.tenant;
      expect((await attempt(aimed, token)).status).toBe(200);
    },
  );
});

describe('what anybody may list', () => {
  it.each(named(table.filter(({ access }) => access === 'anybody')))(
    '%s shows nothing of others',
    async (_, aimed) => {
      for (const token of [tokens.otherProvider, tokens.otherTenant]) {
        const { status, text } = await attempt(aimed, token);
        expect(status).toBe(200);
        expect(text).not.toMatch(/lodging\/draft|globex|initech/);
      }
    },
  );
});

describe('what is somebody else’s cannot be told from what does not exist', () => {
  it.each([
    ['/v1/agents/lodging/draft', '/v1/agents/lodging/never'],
    ['/v1/clients/globex-app', '/v1/clients/nobody-app'],
    ['/v1/delegations/DELEGATION', '/v1/delegations/none'],
    ['/v1/delegations?txn=TRANSACTION', '/v1/delegations?txn=txn_none'],
    ['/v1/invoices/INVOICE', '/v1/invoices/inv_none'],
    ['/v1/settlements/SETTLEMENT', '/v1/settlements/stl_none'],
    ['/v1/tenants/globex', '/v1/tenants/nobody'],
    ['/v1/providers/lodging', '/v1/providers/nobody'],
    ['/v1/tenants/globex/usage', '/v1/tenants/nobody/usage'],
    ['/v1/tenants/globex/audit', '/v1/tenants/nobody/audit'],
    ['/v1/providers/lodging/contracts', '/v1/providers/nobody/contracts'],
    ['/a2a/lodging/draft/.well-known/agent-card.json', '/a2a/lodging/never/.well-known/agent-card.json'],
    [
      '/.well-known/oauth-protected-resource/a2a/lodging/draft',
      '/.well-known/oauth-protected-resource/a2a/lodging/never',
    ],
  ])('%s and %s', async (theirs, nobodys) => {
    for (const token of [tokens.otherProvider, tokens.otherTenant]) {
      const [a, b] = await Promise.all([theirs, nobodys].map((path) => look(path, token)));
      expect(a).toEqual(b);
    }
  });

  /** All that an answer tells, but for the words of the question. */
  async function look(path: string, token: string): Promise<unknown> {
    const real = path.replace(
      /INVOICE|SETTLEMENT|DELEGATION|TRANSACTION/,
      (placeholder) => ids[placeholder] ?? '',
    );
    const response = await fetch(`${stage.url}${real}`, { headers: { authorization: `Bearer ${token}` } });
    const {
      requestId: _,
      detail,
      ...body
    } = (await response.json()) as { requestId: string; detail?: string };
    const headers = Object.fromEntries(
      [...response.headers].filter(([name]) => !['date', 'x-request-id', 'content-length'].includes(name)),
    );
    return {
      status: response.status,
      headers,
      body,
      detail: detail?.replaceAll(
        new RegExp(`draft|never|globex|lodging|nobody|${ids['DELEGATION']}|none`, 'g'),
        '…',
      ),
    };
  }
});
