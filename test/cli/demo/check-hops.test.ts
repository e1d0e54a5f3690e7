import { describe, expect, it } from 'vitest';
import { checkHops } from '../../../src/cli/demo/check-hops.ts';
import type { HopLine } from '../../../src/cli/demo/lines.ts';
import { acme, companies } from '../../../src/cli/demo/parties.ts';

const app = { issuer: 'http://broker', subject: 'acme-travel-app' };
const planner = { issuer: 'http://concierge', subject: 'planner' };
const flights = { issuer: 'http://skyways', subject: 'flights' };

function hopTo(index: number, change: Partial<HopLine['hop']> = {}): HopLine {
  const { id = '', agent = '' } = companies[index] ?? {};
  const actors = [flights, planner, app].slice(2 - index);
  const audTenant = acme.knownAs[id] ?? null;
  const sub = `user-at-${id}`;
  return { hop: { agent, tenant: 'acme', audTenant, sub, actDepth: index + 1, txn: 't', ...change }, actors };
}

const good = [hopTo(0), hopTo(1), hopTo(2)];

describe('a chain of calls', () => {
  it('holds when one tenant context went all the way', () => {
    expect(checkHops(good, companies, acme)).toEqual([]);
  });

  it.each<[string, readonly HopLine[], string]>([
    ['a hop is missing', good.slice(0, 2), '3 companies were to be called, and 2 were.'],
    ['another agent was reached', [hopTo(0), hopTo(1), hopTo(2, { agent: 'a/b' })], 'Hop 3 reached a/b'],
    [
      'another tenant is named',
      [hopTo(0), hopTo(1, { tenant: 'globex' }), hopTo(2)],
      'for globex, not for acme',
    ],
    [
      'a provider sees another’s tenant id',
      [hopTo(0), hopTo(1, { audTenant: 'x' }), hopTo(2)],
      'knows the tenant as x',
    ],
    ['a provider sees no tenant id', [hopTo(0, { audTenant: null }), hopTo(1), hopTo(2)], 'as nobody'],
    ['the transaction changes', [hopTo(0), hopTo(1), hopTo(2, { txn: 'u' })], 'another transaction'],
    ['the depth is wrong', [hopTo(0), hopTo(1, { actDepth: 3 }), hopTo(2)], 'the chain has 3 actors, not 2'],
    [
      'two providers know the user alike',
      [hopTo(0), hopTo(1, { sub: 's' }), hopTo(2, { sub: 's' })],
      'the same id',
    ],
    [
      'an actor is replaced on the way',
      [hopTo(0), hopTo(1), { ...hopTo(2), actors: [flights, flights, app] }],
      'does not go on from the hop before',
    ],
  ])('does not hold when %s', (_, hops, problem) => {
    expect(checkHops(hops, companies, acme)[0]).toContain(problem);
  });
});
