import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { call } from '../support/market.ts';
import { newParty } from '../support/party.ts';
import { addCompany, addProgram, openStage, type Stage } from './stage.ts';
import { managementToken } from './token-endpoint.ts';

let stage: Stage;
let lodging: string;
let skyways: string;
beforeAll(async () => {
  stage = await openStage();
  await addCompany(stage, 'lodging/hotels');
  const scopes = ['registry:read', 'registry:write', 'trust:write', 'usage:write'];
  lodging = await managementToken(
    stage,
    await addProgram(stage, { id: 'lodging-ops', owner: 'provider:lodging', scopes }),
  );
  skyways = await managementToken(
    stage,
    await addProgram(stage, { id: 'skyways-ops', owner: 'provider:skyways', scopes }),
  );
});
afterAll(() => stage.close());

async function send(
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  token = stage.token,
) {
  const response = await fetch(`${stage.url}${path}`, {
    method,
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  });
  const text = await response.text();
  const { code } = JSON.parse(text) as { code?: string };
  return {
    outcome: `${response.status}${code === undefined ? '' : ` ${code}`}`,
    text,
    headers: response.headers,
  };
}

const suspend = '/v1/agents/lodging/hotels/suspend';
const reason = { reason: 'maintenance' };

describe('an Idempotency-Key', () => {
  it('gives an answer again to nobody but who got it', async () => {
    const key = { 'idempotency-key': 'shared-1' };
    const first = await send('POST', suspend, reason, key, lodging);
    expect(first.outcome).toBe('200');
    const again = await send('POST', suspend, reason, key, lodging);
    expect([again.outcome, again.headers.get('idempotent-replayed')]).toEqual(['200', 'true']);
    const theirs = await send('POST', suspend, reason, key, skyways);
    const operators = await send('POST', suspend, reason, key);
    expect([theirs.outcome, operators.outcome]).toEqual(['403 forbidden', '200']);
    for (const other of [theirs, operators]) expect(other.headers.get('idempotent-replayed')).toBeNull();
  });

  it('of the operator is not reached by a client that is called operator, because none can be', async () => {
    for (const id of ['operator', 'schedule']) {
      const { jwks } = await newParty();
      const client = { id, name: 'x', owner: 'provider:skyways', jwks, grantTypes: ['client_credentials'] };
      expect((await send('POST', '/v1/clients', client, {})).outcome).toBe('400 invalid_request');
    }
  });

  it('does not carry a right to another call: the same key with another body, path or method is refused', async () => {
    const key = { 'idempotency-key': 'shared-2' };
    const path = '/v1/agents/lodging/hotels/deployments/default';
    expect((await send('PATCH', path, { weight: 10 }, key, lodging)).outcome).toBe('200');
    for (const [method, other, body] of [
      ['PATCH', path, { weight: 1000 }],
      ['PATCH', `${path}2`, { weight: 10 }],
      ['POST', suspend, { weight: 10 }],
    ] as const)
      expect((await send(method, other, body, key, lodging)).outcome).toBe('422 idempotency_key_reused');
  });

  it('does not outlive the caller’s token, nor the client', async () => {
    const key = { 'idempotency-key': 'shared-3' };
    const program = await addProgram(stage, {
      id: 'lodging-temp',
      owner: 'provider:lodging',
      scopes: ['registry:write'],
    });
    const token = await managementToken(stage, program);
    const path = '/v1/agents/lodging/hotels/deployments/default';
    expect((await send('PATCH', path, { weight: 20 }, key, token)).outcome).toBe('200');
    await call(stage, 'PATCH', '/v1/clients/lodging-temp', { status: 'disabled' });
    expect((await send('PATCH', path, { weight: 20 }, key, token)).outcome).toBe('401 unauthorized');
  });

  it('of a caller without credentials is kept nowhere', async () => {
    stage.store.written();
    const response = await fetch(`${stage.url}${suspend}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'anonymous' },
      body: JSON.stringify(reason),
    });
    expect(response.status).toBe(401);
    expect(stage.store.written()).toEqual(new Set());
  });

  it.each(['', ' ', 'a b', 'é', 'x'.repeat(129)])('%j is none', async (value) => {
    const encoded = Buffer.from(value).toString('latin1');
    const { outcome } = await send('POST', suspend, reason, { 'idempotency-key': encoded }, lodging);
    expect(outcome).toBe('400 invalid_request');
  });

  it('sent ten times at once is done once', async () => {
    const program = { id: 'racing', card: { name: 'x' } };
    const key = { 'idempotency-key': 'race-1' };
    const agents = await Promise.all(
      Array.from({ length: 10 }, () =>
        send('POST', '/v1/providers', { id: `racer-${program.id}`, name: 'Racer' }, key),
      ),
    );
    const outcomes = agents.map(({ outcome }) => outcome);
    expect(outcomes.filter((outcome) => outcome === '201').length).toBeGreaterThanOrEqual(1);
    expect(outcomes.filter((outcome) => outcome !== '201' && outcome !== '409 conflict')).toEqual([]);
    const made = agents.filter(
      ({ outcome, headers }) => outcome === '201' && headers.get('idempotent-replayed') === null,
    );
    expect(made).toHaveLength(1);
  });

  it('with an answer that is too large to keep is not worked out twice', async () => {
    // Each quote of an id takes four bytes in the record of the answer.
    const events = Array.from({ length: 900 }, () => ({ id: '"'.repeat(128) }));
    const attempt = async () => {
      const response = await fetch(`${stage.url}/v1/usage/events`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${skyways}`,
          'content-type': 'application/cloudevents-batch+json',
          'idempotency-key': 'large-1',
        },
        body: JSON.stringify(events),
      });
      await response.arrayBuffer();
      return response.status;
    };
    expect(await attempt()).toBe(200);
    expect(await attempt()).toBe(409);
  });
});

describe('If-Match', () => {
  const path = '/v1/clients/globex-app';
  const rename = { name: 'renamed' };

  async function etag(): Promise<string> {
    const response = await fetch(`${stage.url}${path}`, {
      headers: { authorization: `Bearer ${stage.token}` },
    });
    await response.arrayBuffer();
    return String(response.headers.get('etag'));
  }

  it('of an older version changes nothing', async () => {
    const old = await etag();
    expect((await send('PATCH', path, rename, { 'if-match': old })).outcome).toBe('200');
    stage.store.written();
    expect((await send('PATCH', path, { status: 'disabled' }, { 'if-match': old })).outcome).toBe(
      '412 precondition_failed',
    );
    expect(stage.store.written()).toEqual(new Set());
  });

  it('of another record’s version changes nothing', async () => {
    const response = await fetch(`${stage.url}/v1/tenants/acme`, {
      headers: { authorization: `Bearer ${stage.token}` },
    });
    const other = String(response.headers.get('etag'));
    expect((await send('PATCH', path, rename, { 'if-match': other })).outcome).toBe(
      '412 precondition_failed',
    );
  });

  it.each(['W/"1"', '""', '"a", "b"', 'none', '"\u00ff"', `"${'x'.repeat(200)}"`])(
    'that is no single strong tag is refused, not ignored: %s',
    async (value) => {
      expect((await send('PATCH', path, rename, { 'if-match': value })).outcome).toMatch(
        /^(?:400 invalid_request|412 precondition_failed)$/,
      );
    },
  );

  it('of one version lets one of ten changes through', async () => {
    const version = await etag();
    const outcomes = await Promise.all(
      Array.from({ length: 10 }, (_, index) =>
        send('PATCH', path, { name: `name-${index}` }, { 'if-match': version }),
      ),
    );
    expect(outcomes.filter(({ outcome }) => outcome === '200')).toHaveLength(1);
  });
});
