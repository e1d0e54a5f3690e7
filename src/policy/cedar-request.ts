import type { CedarValueJson, EntityJson, EntityUid } from '@cedar-policy/cedar-wasm/nodejs';
import { instant } from '../api/present.ts';
import { partyId, partyKind } from '../kernel/principal.ts';
import { type ExchangeFacts, providerOf } from './exchange-facts.ts';

export interface CedarRequest {
  readonly principal: EntityUid;
  readonly action: EntityUid;
  readonly resource: EntityUid;
  readonly context: Record<string, CedarValueJson>;
  readonly entities: EntityJson[];
}

type Members = Readonly<Record<string, CedarValueJson | undefined>>;

/**
 * The facts in the form of our schema. They are all that there is: a policy can name whom it likes, but finds nobody in it who does not
 * take part in this exchange.
 */
export function cedarRequest(facts: ExchangeFacts): CedarRequest {
  const { client, agent, tenant } = facts;
  const principal = uid('Client', client.id);
  const resource = uid('Agent', agent.id);
  const provider = providerOf(agent.id);
  const owner = uid(partyKind(client.owner) === 'tenant' ? 'Tenant' : 'Provider', partyId(client.owner));
  return {
    principal,
    action: uid('Action', 'exchange'),
    resource,
    context: present({
      tenant: { __entity: uid('Tenant', tenant.id) },
      tier: tenant.tier,
      region: tenant.region,
      scopes: [...facts.scopes],
      depth: facts.depth,
      actors: [...facts.actors],
      through: [...facts.through],
      time: Math.floor(facts.at / 1000),
      now: { __extn: { fn: 'datetime', arg: instant(facts.at) } },
      issuer: facts.issuer,
      acr: facts.acr,
      amr: facts.amr === undefined ? undefined : [...facts.amr],
      agreement: facts.agreement,
    }),
    entities: [
      {
        uid: principal,
        attrs: present({ owner: client.owner, agent: client.agent }),
        parents: [owner],
      },
      {
        uid: resource,
        attrs: {
          provider,
          tags: [...agent.tags],
          skills: [...agent.skills],
          scopes: [...agent.scopes],
        },
        parents: [uid('Provider', provider)],
      },
    ],
  };
}

function uid(type: 'Client' | 'Agent' | 'Provider' | 'Tenant' | 'Action', id: string) {
  return { type, id };
}

function present(members: Members): Record<string, CedarValueJson> {
  return Object.fromEntries(
    Object.entries(members).filter((pair): pair is [string, CedarValueJson] => pair[1] !== undefined),
  );
}
