import type { JsonObject } from '../../kernel/json.ts';
import { type ApiClient, apiPath } from '../api-client.ts';
import { type Ensured, ensure, find, read } from './ensure.ts';
import { agreeOnCommission, agreeToPassOn } from './agreements.ts';
import { companies, plan } from './parties.ts';
import type { Programs, RunningCompany, RunningTenant } from './start-programs.ts';

export interface Registered {
  readonly made: number;
  readonly kept: number;
}

/** All that the operator does before a first call, through the management API. An earlier start's is found and kept. */
export async function registerParties(
  api: ApiClient,
  programs: Programs,
  month: string,
): Promise<Registered> {
  const done = (await Promise.all(programs.companies.map((company) => registerCompany(api, company)))).flat();
  await api.request({ method: 'POST', path: '/v1/plans', body: { ...plan, prices: [...plan.prices] } });
  for (const { id, commissionBps } of companies)
    done.push(await agreeOnCommission(api, { provider: id, commissionBps, currency: plan.currency, month }));
  for (const [index, { id }] of companies.entries()) {
    const next = companies[index + 1];
    if (next !== undefined) done.push(await agreeToPassOn(api, `provider:${id}`, `provider:${next.id}`));
  }
  done.push(...(await Promise.all(programs.tenants.map((tenant) => registerTenant(api, tenant)))).flat());
  const made = done.filter((one) => one === 'made').length;
  return { made, kept: done.length - made };
}

async function registerCompany(api: ApiClient, { id, agent, ready }: RunningCompany): Promise<Ensured[]> {
  const { provider, issuer, agent: card, client, meters } = ready.register;
  const done = [
    await ensure(api, {
      what: `the provider ${id}`,
      path: '/v1/providers',
      body: provider,
      existing: () => read(api, apiPath('v1', 'providers', id)),
      same: { ...provider, status: 'active' },
    }),
    await ensureIssuer(api, ['v1', 'providers', id, 'issuers'], issuer),
    await ensure(api, {
      what: `the agent ${agent}`,
      path: apiPath('v1', 'providers', id, 'agents'),
      body: card,
      existing: () => read(api, apiPath('v1', 'agents', id, card.id)),
      same: { cardUrl: card['cardUrl'] ?? null },
    }),
  ];
  await publish(api, id, card.id);
  done.push(await ensureClient(api, client));
  for (const meter of meters) await api.request({ method: 'POST', path: '/v1/meters', body: meter });
  return done;
}

async function registerTenant(api: ApiClient, tenant: RunningTenant): Promise<Ensured[]> {
  const { id, name, ready, app, knownAs } = tenant;
  const facts = { id, name, tier: 'standard' };
  const done = [
    await ensure(api, {
      what: `the tenant ${id}`,
      path: '/v1/tenants',
      body: facts,
      existing: () => read(api, apiPath('v1', 'tenants', id)),
      same: { ...facts, status: 'active' },
    }),
    await ensureIssuer(api, ['v1', 'tenants', id, 'issuers'], ready.register.issuer),
  ];
  for (const { id: provider, agent } of companies) {
    const body = { agent, plan: plan.key, audTenant: knownAs[provider] ?? id };
    const path = apiPath('v1', 'tenants', id, 'subscriptions');
    done.push(
      await ensure(api, {
        what: `${id}’s subscription to ${agent}`,
        path,
        body,
        existing: () => find(api, { path }, (item) => item['agent'] === agent && item['status'] === 'active'),
        same: body,
      }),
    );
  }
  done.push(await ensureClient(api, app));
  return done;
}

function ensureIssuer(
  api: ApiClient,
  place: readonly string[],
  issuer: JsonObject & { readonly issuer: string },
): Promise<Ensured> {
  const path = apiPath(...place);
  return ensure(api, {
    what: `the issuer ${issuer.issuer}`,
    path,
    body: issuer,
    existing: () => find(api, { path }, (item) => item['issuer'] === issuer.issuer),
    same: { ...issuer, status: 'active' },
  });
}

/** Its keys are not read back: a client that has others is told at its first token. */
function ensureClient(api: ApiClient, client: JsonObject & { readonly id: string }): Promise<Ensured> {
  const { jwks: _, ...shown } = client;
  return ensure(api, {
    what: `the client ${client.id}`,
    path: '/v1/clients',
    body: client,
    existing: () => read(api, apiPath('v1', 'clients', client.id)),
    same: { ...shown, status: 'active' },
  });
}

async function publish(api: ApiClient, provider: string, agent: string): Promise<void> {
  const found = await read(api, apiPath('v1', 'agents', provider, agent));
  if (found?.['status'] === 'published') return;
  await api.request({
    method: 'POST',
    path: apiPath('v1', 'agents', provider, agent, 'publish'),
    body: { reason: 'Shown in the demo' },
  });
}
