import { expect, it } from 'vitest';
import { StorageError } from '../../../src/storage/port.ts';
import { openLine, say } from '../../support/a2a.ts';
import { documentedOperations } from './refusals.ts';
import { furnish } from './furnished.ts';

const operations = await documentedOperations();
const documentedAt = (path: string) =>
  operations.find((operation) => operation.path === path)?.statuses.filter((status) => status >= 400) ?? [];

it.each([
  ['/oauth/token', 'grant_type=client_credentials'],
  ['/oauth/introspect', 'token=x'],
  ['/oauth/revoke', 'token=x'],
])('%s answers what it documents, in the language of RFC 6749', async (path, grant) => {
  const world = await furnish();
  const post = async (body: string | URLSearchParams, type = 'application/x-www-form-urlencoded') => {
    const response = await fetch(`${world.market.url}${path}`, {
      method: 'POST',
      headers: { 'content-type': type },
      body,
    });
    expect(await response.json()).toEqual({
      error: expect.stringMatching(/^[a-z_]+$/) as string,
      error_description: expect.any(String) as string,
    });
    return response.status;
  };
  const statuses = [
    await post('nonsense'),
    await post(grant, 'text/plain'),
    await post(grant),
    await post('x'.repeat(10 << 20)),
  ];
  for (const failure of [new StorageError('unavailable', 'no room'), new Error('a bug')]) {
    world.fail(failure);
    statuses.push(await post(grant));
    world.fail(undefined);
  }
  await world.close();
  expect(new Set(statuses)).toEqual(new Set(documentedAt(path)));
});

it('the gateway answers what it documents, in the language of A2A', async () => {
  // A world of its own, because this ends a subscription.
  const own = await furnish();
  const { market, agent } = own;
  const line = await openLine(market, own.tenant);
  const post = async (body: string, headers: Record<string, string> = {}) => {
    const response = await fetch(`${market.url}/a2a/${market.agent}/jsonrpc`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        'a2a-version': '1.0',
        authorization: `Bearer ${line.token}`,
        ...headers,
      },
      body,
    });
    expect(await response.json()).toMatchObject({
      jsonrpc: '2.0',
      error: { data: [{ reason: expect.any(String) as string }] },
    });
    return response.status;
  };
  const valid = JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'SendMessage', params: say('hi') });
  const statuses = [
    await post('{'),
    await post(valid, { authorization: 'Bearer nobody' }),
    await post(valid, { 'content-type': 'text/plain' }),
    await post(`"${'x'.repeat(5 << 20)}"`),
  ];
  agent.on(({ response }) => response.end('<html>'));
  statuses.push(await post(valid));
  agent.on(() => undefined);
  statuses.push(await post(valid));
  for (const failure of [new StorageError('unavailable', 'no room'), new Error('a bug')]) {
    own.fail(failure);
    statuses.push(await post(valid));
    own.fail(undefined);
  }
  const { token } = market;
  const subscriptions = (await (
    await fetch(`${market.url}/v1/tenants/acme/subscriptions`, {
      headers: { authorization: `Bearer ${token}` },
    })
  ).json()) as { items: { id: string }[] };
  await fetch(`${market.url}/v1/tenants/acme/subscriptions/${subscriptions.items[0]?.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${token}` },
  });
  statuses.push(await post(valid));
  expect(new Set(statuses)).toEqual(new Set(documentedAt('/a2a/{provider}/{agent}/jsonrpc')));
  await own.close();
});
