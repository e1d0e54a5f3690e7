import { describe, expect, it } from 'vitest';
import { checkUsage, type UsageRow } from '../../../src/cli/demo/usage.ts';

const hop = (agent: string) => ({
  hop: { agent, tenant: 'acme', audTenant: null, sub: 's', actDepth: 1, txn: 't' },
  actors: [],
});
const streamed = { from: 'b/two', afterMs: 1, event: 'task', what: '', text: '' };
const asked = {
  hops: [hop('a/one'), hop('b/two')],
  streamed: [streamed, streamed, streamed],
  reported: { 'a/one': { pages: '1' }, 'b/two': { searches: '3' } },
};
const row = (kind: UsageRow['kind'], agent: string, meter: string, quantity: string): UsageRow => ({
  kind,
  agent,
  meter,
  quantity,
  events: 1,
});
const counted = [
  row('observed', 'a/one', 'calls', '2'),
  row('observed', 'a/one', 'tasks', '1'),
  row('observed', 'b/two', 'calls', '1'),
  row('observed', 'b/two', 'tasks', '1'),
  row('observed', 'b/two', 'stream_events', '3'),
  row('reported', 'a/one', 'pages', '1'),
  row('reported', 'b/two', 'searches', '3'),
];

describe('usage from both sides', () => {
  it('agrees when the broker has all that was done and reported', () => {
    expect(checkUsage(counted, asked)).toEqual([]);
  });

  it.each(counted.map((missing) => [missing.agent, missing.meter, missing] as const))(
    'does not agree without the %s’s %s',
    (agent, meter, missing) => {
      const rest = counted.filter((one) => one !== missing);
      expect(checkUsage(rest, asked)).toEqual([
        expect.stringContaining(`${agent} has no ${meter} ${missing.kind}`),
      ]);
    },
  );

  it('does not take the one side’s word for the other’s', () => {
    const rows = counted.map((one) =>
      one.meter === 'searches' ? { ...one, kind: 'observed' as const } : one,
    );
    expect(checkUsage(rows, asked)).toEqual(['b/two has no searches reported, and should have 3.']);
  });

  it('does not agree on a call too many', () => {
    const rows = counted.map((one) =>
      one.agent === 'b/two' && one.meter === 'calls' ? { ...one, quantity: '2' } : one,
    );
    expect(checkUsage(rows, asked)).toEqual(['b/two has 2 calls observed, and should have 1.']);
  });
});
