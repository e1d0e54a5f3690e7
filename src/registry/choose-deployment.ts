import { err, ok, type Result } from '../kernel/result.ts';
import type { CallableAgent, Deployment } from './agent.ts';

export interface RoutedTenant {
  readonly id: string;
  readonly region?: string;
  readonly residency?: readonly string[];
}

export type RouteRefusal = 'RESIDENCY_UNSATISFIABLE' | 'AGENT_UNAVAILABLE';

/**
 * Where a call goes: a known task to the deployment that has it; else the tenant's silo; else the pool of its region;
 * else any pool. Residency is never given up: with none left, the call is refused. Among equals by weight.
 */
export function chooseDeployment(
  agent: Pick<CallableAgent, 'deployments'>,
  tenant: RoutedTenant,
  options: {
    /** The deployment of the task that the call is about. */
    readonly pinned?: string;
    /** 0 up to, not including, 1. */
    readonly random: number;
  },
): Result<Deployment, RouteRefusal> {
  const own = agent.deployments.filter(
    (deployment) => deployment.model === 'pooled' || deployment.tenant === tenant.id,
  );
  const lawful = own.filter((deployment) => isWithinResidency(deployment, tenant));

  if (options.pinned !== undefined) {
    const home = lawful.find((deployment) => deployment.id === options.pinned && deployment.state !== 'down');
    if (home !== undefined) return ok(home);
    return err(
      own.some(({ id }) => id === options.pinned) && lawful.length === 0
        ? 'RESIDENCY_UNSATISFIABLE'
        : 'AGENT_UNAVAILABLE',
    );
  }

  const usable = lawful.filter(({ state }) => state === 'active');
  if (usable.length === 0) {
    const abroad = own.some(({ state }) => state === 'active');
    return err(abroad ? 'RESIDENCY_UNSATISFIABLE' : 'AGENT_UNAVAILABLE');
  }
  const silo = usable.filter(({ model }) => model === 'siloed');
  const near = usable.filter(({ region }) => region !== undefined && region === tenant.region);
  const candidates = [silo, near, usable].find((group) => group.length > 0) ?? usable;
  const chosen = byWeight(candidates, options.random);
  return chosen === undefined ? err('AGENT_UNAVAILABLE') : ok(chosen);
}

/** A deployment that does not say where it is cannot be shown to be within. */
function isWithinResidency(deployment: Deployment, tenant: RoutedTenant): boolean {
  if (tenant.residency === undefined) return true;
  return deployment.region !== undefined && tenant.residency.includes(deployment.region);
}

function byWeight(deployments: readonly Deployment[], random: number): Deployment | undefined {
  const total = deployments.reduce((sum, { weight }) => sum + weight, 0);
  let left = random * total;
  return deployments.find(({ weight }) => (left -= weight) < 0) ?? deployments.at(-1);
}
