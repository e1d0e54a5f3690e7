import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openLine, say } from '../support/a2a.ts';
import { answer, task } from '../support/agent.ts';
import { call, cardFor, type Operator } from '../support/market.ts';
import { type AuditEntry, auditOf } from './audit.ts';
import { addCompany, addProgram, agree, openStage, type Stage } from './stage.ts';
import { exchange, managementToken } from './token-endpoint.ts';

/** A party reads its own audit: what is refused to it elsewhere must not be told there. */
let stage: Stage;
let acme: Operator;
let globex: Operator;
let lodging: Operator;

async function reader(owner: string): Promise<Operator> {
  const id = `${owner.replace(':', '-')}-auditor`;
  const program = await addProgram(stage, { id, owner, scopes: ['audit:read', 'trust:read'] });
  return { url: stage.url, token: await managementToken(stage, program) };
}

beforeAll(async () => {
  stage = await openStage();
  await addCompany(stage, 'lodging/hotels', [stage.acme]);
  acme = await reader('tenant:acme');
  globex = await reader('tenant:globex');
  lodging = await reader('provider:lodging');
});
afterAll(() => stage.close());

/** Without what differs by nature. */
function told(entry: AuditEntry | undefined): object {
  if (entry === undefined) throw new Error('no entry');
  const { id: _, detail, ...rest } = entry;
  const { delegation: __, ...kept } = detail ?? {};
  return { ...rest, at: undefined, txn: undefined, detail: kept };
}

async function pagesOf(operator: Operator, path: string): Promise<number> {
  let cursor: string | undefined;
  let pages = 0;
  do {
    const page: { nextCursor?: string } = await call(
      operator,
      'GET',
      `${path}${cursor === undefined ? '' : `&cursor=${cursor}`}`,
    );
    cursor = page.nextCursor;
    pages++;
  } while (cursor !== undefined);
  return pages;
}

describe('a tenant’s audit does not tell', () => {
  it.each(['GetTask', 'CancelTask', 'SubscribeToTask'])(
    'whether a task that %s did not find is somebody else’s',
    async (method) => {
      stage.agent.on((received) => answer(received, task('acme-task')));
      await (await openLine(stage.market, stage.acme)).call('SendMessage', say('start'));
      const line = await openLine(stage.market, stage.globex);
      await line.call(method, { id: 'acme-task' });
      const [theirs] = await auditOf(globex);
      await line.call(method, { id: 'nobodys-task' });
      const [nobodys] = await auditOf(globex);
      expect(theirs).toMatchObject({ outcome: 'refused', reason: 'TASK_NOT_FOUND' });
      expect(told(theirs)).toEqual(told(nobodys));
      const [seenByOperator] = await auditOf(stage, 'tenant=globex');
      expect(seenByOperator?.detail).toMatchObject({ foreign: false });
    },
  );

  it('whose the task was that an agent’s answer was withheld for', async () => {
    stage.agent.on((received) => answer(received, task('mixed-up')));
    await (await openLine(stage.market, stage.acme)).call('SendMessage', say('start'));
    await (await openLine(stage.market, stage.globex)).call('SendMessage', say('start'));
    const [entry] = await auditOf(globex);
    expect(entry).toMatchObject({ outcome: 'refused', reason: 'INVALID_AGENT_RESPONSE' });
    expect(JSON.stringify(entry)).not.toContain('another tenant');
  });

  it('where an agent that cannot be reached runs', async () => {
    const down = await addCompany(stage, 'far/away', [stage.acme]);
    await down.upstream.close();
    const token = await exchange(stage, stage.acme, { audience: 'far/away' });
    await fetch(`${stage.url}/a2a/far/away/jsonrpc`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token.body.access_token}`,
        'content-type': 'application/json',
        'a2a-version': '1.0',
      },
      body: JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') }),
    });
    const [entry] = await auditOf(acme);
    expect(entry).toMatchObject({ outcome: 'refused', reason: 'UPSTREAM_UNREACHABLE' });
    expect(JSON.stringify(entry)).not.toContain(new URL(down.upstream.url).port);
    expect(JSON.stringify(await auditOf(stage, 'tenant=acme'))).toContain(new URL(down.upstream.url).port);
  });

  it('that a resource belongs to an agent which is not on offer', async () => {
    await call(stage, 'POST', '/v1/providers/lodging/agents', {
      id: 'secret-draft',
      card: cardFor('https://secret.lodging.example/rpc'),
      resource: 'urn:lodging:secret',
    });
    await exchange(stage, stage.globex, { audience: undefined, resource: 'urn:lodging:secret' });
    const [secret] = await auditOf(globex);
    await exchange(stage, stage.globex, { audience: undefined, resource: 'urn:lodging:nothing' });
    const [nothing] = await auditOf(globex);
    expect(secret).toMatchObject({ outcome: 'refused', reason: 'target_unknown' });
    expect(told(secret)).toEqual(told(nothing));
    expect(JSON.stringify(secret)).not.toContain('secret-draft');
  });
});

describe('a provider’s audit does not tell', () => {
  it('of tenants that do not use it', async () => {
    await exchange(stage, stage.globex, { audience: 'lodging/hotels' });
    expect((await auditOf(stage))[0]).toMatchObject({ reason: 'not_subscribed', tenant: 'globex' });
    expect(JSON.stringify(await auditOf(lodging))).not.toContain('globex');
  });

  it('of a tenant that has the same name', async () => {
    await call(stage, 'POST', '/v1/providers', { id: 'acme', name: 'Another Acme' });
    await call(stage, 'POST', '/v1/agreements', { from: 'tenant:acme', to: 'provider:lodging' });
    const namesake = await reader('provider:acme');
    expect(JSON.stringify(await auditOf(namesake))).not.toContain('agreement');
    expect((await auditOf(acme)).some(({ action }) => action === 'agreement.make')).toBe(true);
  });
});

describe('pages do not tell how much others do', () => {
  it('of the audit, whoever’s client or transaction is asked for', async () => {
    const line = await openLine(stage.market, stage.globex);
    for (let round = 0; round < 3; round++) await line.call('GetTask', { id: 'none' });
    const [newest] = (await auditOf(stage, 'tenant=globex')) as readonly { readonly txn?: string }[];
    const filters = ['client=globex-app', 'client=nobody', `txn=${newest?.txn ?? ''}`, 'txn=txn_0'];
    const pages = [];
    for (const filter of filters) {
      const path = `/v1/audit?limit=1&${filter}`;
      pages.push(await pagesOf(acme, path));
      expect(await call(acme, 'GET', path)).toMatchObject({ items: [] });
    }
    expect(new Set(pages).size).toBe(1);
  });

  it('of agreements', async () => {
    for (let round = 0; round < 3; round++) await agree(stage, 'lodging', 'skyways');
    expect(await call(globex, 'GET', '/v1/agreements?limit=1')).toEqual({ items: [] });
    const own = await call<{ items: unknown[] }>(lodging, 'GET', '/v1/agreements?limit=200');
    expect(own.items.length).toBeGreaterThanOrEqual(3);
  });
});
