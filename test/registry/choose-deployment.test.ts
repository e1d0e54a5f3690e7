import { describe, expect, it } from 'vitest';
import { chooseDeployment, type Deployment } from '../../src/registry/index.ts';

const make = (id: string, changes: Partial<Deployment> = {}): Deployment => ({
  id,
  model: 'pooled',
  url: `https://${id}.example/rpc`,
  protocolVersion: '1.0',
  resource: `https://${id}.example/rpc`,
  weight: 100,
  state: 'active',
  ...changes,
});
const eu = make('eu', { region: 'eu-west-1' });
const us = make('us', { region: 'us-east-1' });
const anywhere = make('anywhere');
const silo = make('silo', { model: 'siloed', tenant: 'acme', region: 'us-east-1' });
const acme = { id: 'acme' };
const european = { id: 'acme', region: 'eu-west-1', residency: ['eu-west-1'] };

type Case = [string, readonly Deployment[], Parameters<typeof chooseDeployment>[1], string];

/** The chosen one's id, or the refusal. */
function choose(
  deployments: readonly Deployment[],
  tenant: Parameters<typeof chooseDeployment>[1] = acme,
  options: Partial<Parameters<typeof chooseDeployment>[2]> = {},
): string {
  const chosen = chooseDeployment({ deployments }, tenant, { random: 0, ...options });
  return chosen.ok ? chosen.value.id : chosen.error;
}

describe('where a call goes', () => {
  it.each<Case>([
    ['the tenant’s silo before any pool', [eu, silo], { ...acme, region: 'eu-west-1' }, 'silo'],
    ['never another tenant’s silo', [silo], { id: 'globex' }, 'AGENT_UNAVAILABLE'],
    ['the pool of the tenant’s region', [us, anywhere, eu], { ...acme, region: 'eu-west-1' }, 'eu'],
    ['any pool when none is near', [us, eu], { ...acme, region: 'ap-south-1' }, 'us'],
    ['any pool for a tenant without region', [anywhere, eu], acme, 'anywhere'],
    ['nowhere when there is none', [], acme, 'AGENT_UNAVAILABLE'],
  ])('%s', (_, deployments, tenant, expected) => {
    expect(choose(deployments, tenant)).toBe(expected);
  });

  it.each<Case>([
    ['a pool within', [us, eu], european, 'eu'],
    ['no silo outside, even its own', [silo, eu], european, 'eu'],
    ['nothing outside', [us], european, 'RESIDENCY_UNSATISFIABLE'],
    ['nothing that does not say where it is', [anywhere], european, 'RESIDENCY_UNSATISFIABLE'],
    ['nothing at all under an empty residency', [eu], { ...acme, residency: [] }, 'RESIDENCY_UNSATISFIABLE'],
    [
      'nothing outside because the one within is down',
      [us, { ...eu, state: 'down' as const }],
      european,
      'RESIDENCY_UNSATISFIABLE',
    ],
    ['no reason when all are down', [{ ...us, state: 'down' as const }], european, 'AGENT_UNAVAILABLE'],
  ])('within residency: %s', (_, deployments, tenant, expected) => {
    expect(choose(deployments, tenant)).toBe(expected);
  });

  it.each(['draining', 'down'] as const)('no new call to one that is %s', (state) => {
    expect(choose([{ ...eu, state }, us])).toBe('us');
    expect(choose([{ ...eu, state }])).toBe('AGENT_UNAVAILABLE');
  });

  describe('for a task that runs already', () => {
    it.each<Case>([
      ['back to where it runs', [eu, us], acme, 'us'],
      ['also while that is draining', [eu, { ...us, state: 'draining' as const }], acme, 'us'],
      ['not while that is down', [eu, { ...us, state: 'down' as const }], acme, 'AGENT_UNAVAILABLE'],
      ['not where it has gone from', [eu], acme, 'AGENT_UNAVAILABLE'],
      [
        'not to another tenant’s silo',
        [eu, make('us', { ...silo, id: 'us' })],
        { id: 'globex' },
        'AGENT_UNAVAILABLE',
      ],
      ['not outside the residency', [us], european, 'RESIDENCY_UNSATISFIABLE'],
      ['not outside the residency, whatever is within', [eu, us], european, 'AGENT_UNAVAILABLE'],
    ])('%s', (_, deployments, tenant, expected) => {
      expect(choose(deployments, tenant, { pinned: 'us' })).toBe(expected);
    });
  });

  it('shares by weight among equals', () => {
    const pools = [make('a', { weight: 1 }), make('b', { weight: 2 }), make('c', { weight: 7 })];
    const drawn = Array.from({ length: 10 }, (_, index) =>
      choose(pools, acme, { random: (index + 0.5) / 10 }),
    );
    expect(drawn.join('')).toBe('abbccccccc');
    expect(choose(pools, acme, { random: 0 })).toBe('a');
    expect(choose(pools, acme, { random: 1 - Number.EPSILON })).toBe('c');
  });
});
