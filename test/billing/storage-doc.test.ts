import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { perUnit, report, sell } from './books.ts';
import { watchCommits } from './watched-store.ts';
import { newWorld, operator } from './world.ts';

it('every kind of record that billing writes is documented, and no other', async () => {
  const world = await newWorld();
  const written = new Set<string>();
  const billing = world.reopen(
    watchCommits(world.store, (writes, pass) => {
      for (const { op, partition } of writes) if (op !== 'check') written.add(partition.split('#')[0] ?? '');
      return pass();
    }),
  );
  const watched = { ...world, billing };
  await billing.meters.define({ key: 'm', unit: 'x', aggregation: 'sum', authority: 'provider' }, operator);
  await sell(watched, 'basic', [perUnit('tokens', '1')]);
  await billing.setContract('skyways', { commissionBps: 1, currency: 'USD', from: '2026-01' }, operator);
  await report(watched, { id: 'a' });
  await billing.ingest('skyways', [world.event({ id: 'b', quantities: { nonsense: '1' } })]);
  await billing.closePeriod('2026-01', { early: true, by: operator });

  const page = await readFile('docs/storage/billing.md', 'utf8');
  const documented = [...page.matchAll(/^\| (`[^|]+`) +\|/gm)].flatMap(([, names = '']) =>
    [...names.matchAll(/`([a-z-]+)/g)].map(([, name = '']) => name),
  );
  const ours = [...written].filter((name) => !/^(?:audit|event|outbox)/.test(name));
  expect(ours.toSorted()).toEqual([...new Set(documented)].toSorted());
  await world.dispose();
});
