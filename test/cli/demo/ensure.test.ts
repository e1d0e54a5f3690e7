import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type ApiClient, createApiClient } from '../../../src/cli/api-client.ts';
import { agreeOnCommission, agreeToPassOn } from '../../../src/cli/demo/agreements.ts';
import { differences, ensure, read } from '../../../src/cli/demo/ensure.ts';
import { runBroker, type RunningBroker } from '../../support/broker-in-process.ts';

describe('what the broker must know', () => {
  let broker: RunningBroker;
  let api: ApiClient;
  beforeAll(async () => {
    broker = await runBroker();
    api = createApiClient({ broker: broker.url, token: broker.token });
  });
  afterAll(() => broker.close());

  const provider = (id: string, name: string) =>
    ensure(api, {
      what: `the provider ${id}`,
      path: '/v1/providers',
      body: { id, name },
      existing: () => read(api, `/v1/providers/${id}`),
      same: { id, name, status: 'active' },
    });

  it('is made once, and kept', async () => {
    expect(await provider('skyways', 'Skyways')).toBe('made');
    const before = await read(api, '/v1/providers/skyways');
    expect(await provider('skyways', 'Skyways')).toBe('kept');
    expect(await read(api, '/v1/providers/skyways')).toEqual(before);
  });

  it('is never overwritten', async () => {
    await provider('northpay', 'Northpay');
    await expect(provider('northpay', 'Somebody else')).rejects.toMatchObject({
      reason: 'failed',
      message:
        'The provider northpay is there from an earlier start, but its name is Northpay, not Somebody else.',
    });
    expect(await read(api, '/v1/providers/northpay')).toMatchObject({ name: 'Northpay' });
  });

  it('is not taken for working when somebody has stopped it', async () => {
    await provider('concierge', 'Concierge');
    await api.request({ method: 'POST', path: '/v1/providers/concierge/suspend', body: { reason: 'test' } });
    await expect(provider('concierge', 'Concierge')).rejects.toThrow('its status is suspended, not active');
  });

  it('is refused as it is when it is refused for another reason', async () => {
    await expect(provider('Not a slug', 'x')).rejects.toMatchObject({ reason: 'refused' });
  });

  it('can be somebody else’s', async () => {
    await provider('globe', 'Globe');
    const wanted = {
      what: 'the provider globe',
      path: '/v1/providers',
      body: { id: 'globe', name: 'Globe' },
      existing: () => Promise.resolve(undefined),
      same: {},
    };
    await expect(ensure(api, wanted)).rejects.toThrow(
      'The provider globe belongs to somebody else at this broker.',
    );
  });

  it('has one agreement and one contract, however often it is asked for', async () => {
    await provider('from', 'From');
    await provider('to', 'To');
    const contract = { provider: 'from', commissionBps: 1500, currency: 'EUR', month: '2026-01' };
    const both = async () => [
      await agreeToPassOn(api, 'provider:from', 'provider:to'),
      await agreeOnCommission(api, contract),
    ];
    expect(await both()).toEqual(['made', 'made']);
    expect(await both()).toEqual(['kept', 'kept']);
    expect(await agreeToPassOn(api, 'provider:to', 'provider:from')).toBe('made');
  });

  it('is compared by value', () => {
    expect(differences({ a: [1, { b: 2, c: 3 }], d: 4 }, { a: [1, { c: 3, b: 2 }] })).toEqual([]);
    expect(differences({ a: 'y' }, { a: 'z', b: ['x'] })).toEqual([
      'its a is y, not z',
      'its b is absent, not ["x"]',
    ]);
  });
});
