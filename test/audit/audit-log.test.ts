import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type Audit, createAudit } from '../../src/audit/index.ts';
import { systemIds } from '../../src/kernel/ids.ts';
import type { Store } from '../../src/storage/port.ts';
import { testClock } from '../support/clock.ts';
import { engines } from '../support/stores.ts';

describe.each(engines)('audit log on $name', (engine) => {
  let audit: Audit;
  let store: Store;
  let dispose: () => Promise<void>;
  beforeEach(async () => {
    const clock = testClock();
    ({ store, dispose } = await engine.open(clock));
    audit = createAudit({ store, clock, ids: systemIds });
  });
  afterEach(() => dispose());

  it('lists newest first, by each of its views', async () => {
    await audit.record({
      action: 'token.exchange',
      outcome: 'allowed',
      tenant: 'acme',
      txn: 't1',
      client: 'c1',
    });
    await audit.record({
      action: 'token.exchange',
      outcome: 'refused',
      reason: 'invalid_target',
      tenant: 'globex',
      txn: 't1',
    });
    await audit.record({ action: 'agent.publish', outcome: 'allowed', provider: 'p1' });
    const actions = async (query: Parameters<Audit['list']>[0]) =>
      (await audit.list(query)).items.map(({ value }) => `${value.action} ${value.outcome}`);
    expect(await actions({})).toEqual([
      'agent.publish allowed',
      'token.exchange refused',
      'token.exchange allowed',
    ]);
    expect(await actions({ tenant: 'acme' })).toEqual(['token.exchange allowed']);
    expect(await actions({ txn: 't1' })).toEqual(['token.exchange refused', 'token.exchange allowed']);
    expect(await actions({ txn: 't1', tenant: 'globex' })).toEqual(['token.exchange refused']);
    expect(await actions({ provider: 'p1' })).toEqual(['agent.publish allowed']);
  });

  it('shows one tenant nothing of another whose id starts the same', async () => {
    await audit.record({ action: 'x', outcome: 'allowed', tenant: 'acme-2' });
    expect((await audit.list({ tenant: 'acme' })).items).toEqual([]);
  });

  it('is written with the change that it reports, or not at all', async () => {
    const taken = { partition: 'thing', sort: '1', value: {} };
    await store.commit([{ op: 'put', ...taken }]);
    const commit = await store.commit([
      { op: 'putIfAbsent', ...taken },
      ...audit.writes({ action: 'thing.create', outcome: 'allowed', tenant: 'acme' }),
    ]);
    expect(commit.ok).toBe(false);
    expect((await audit.list({})).items).toEqual([]);
  });
});
