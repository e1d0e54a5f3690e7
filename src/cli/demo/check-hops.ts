import type { HopLine } from './lines.ts';
import type { DemoCompany, DemoTenant } from './parties.ts';

/**
 * What must be true of a chain of calls, whoever runs it: one tenant and one transaction all along, at each provider under its
 * own name for the tenant and for the user, and an actor chain that grows by the caller at each hop. Answers what is not.
 */
export function checkHops(
  hops: readonly HopLine[],
  companies: readonly Pick<DemoCompany, 'id' | 'agent'>[],
  tenant: Pick<DemoTenant, 'id' | 'knownAs'>,
): readonly string[] {
  if (hops.length !== companies.length)
    return [`${companies.length} companies were to be called, and ${hops.length} were.`];
  const problems: string[] = [];
  const demand = (holds: boolean, problem: string) => {
    if (!holds) problems.push(problem);
  };
  const txn = hops[0]?.hop.txn;
  for (const [index, { hop, actors }] of hops.entries()) {
    const { id = '', agent = '' } = companies[index] ?? {};
    const known = tenant.knownAs[id];
    demand(hop.agent === agent, `Hop ${index + 1} reached ${hop.agent}, not ${agent}.`);
    demand(hop.tenant === tenant.id, `${agent} was called for ${hop.tenant}, not for ${tenant.id}.`);
    demand(
      hop.audTenant === known,
      `${agent} knows the tenant as ${hop.audTenant ?? 'nobody'}, not as ${known}.`,
    );
    demand(hop.txn === txn, `${agent} was called in another transaction than the first agent.`);
    demand(
      hop.actDepth === index + 1 && actors.length === hop.actDepth,
      `At ${agent} the chain has ${hop.actDepth} actors, not ${index + 1}.`,
    );
    const before = hops[index - 1]?.actors ?? [];
    demand(
      JSON.stringify(actors.slice(1)) === JSON.stringify(before),
      `At ${agent} the chain does not go on from the hop before.`,
    );
  }
  demand(
    new Set(hops.map(({ hop }) => hop.sub)).size === hops.length,
    'Two providers know the user by the same id.',
  );
  return problems;
}
