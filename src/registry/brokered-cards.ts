import { canonicalJson } from '../kernel/canonical-json.ts';
import { sha256 } from '../kernel/digest.ts';
import { type Agent, isOnOffer } from './agent.ts';
import { rewriteCard, signCard } from './broker-card.ts';
import { readCard } from './card.ts';
import type { RegistryContext } from './deps.ts';

export interface ServedCard {
  readonly body: string;
  /** Strong, over the body's bytes but for the signatures, which differ each time a card is signed. */
  readonly etag: string;
}

const maxCached = 1000;

/** The cards that callers see. Signed once per content and key, not per request. */
export function createBrokeredCards(context: RegistryContext) {
  const signed = new Map<string, Promise<ServedCard>>();

  async function make(agent: Agent, original: string): Promise<ServedCard> {
    const card = rewriteCard(readCard(original).json, agent, context.brokerUrl);
    const etag = sha256(canonicalJson(card) + context.cardSigner.keyId);
    return { body: JSON.stringify(await signCard(card, context.cardSigner)), etag };
  }

  return {
    /** `undefined` unless the agent is on offer: a draft, a suspended and an unknown agent look the same. */
    async brokered(id: string): Promise<ServedCard | undefined> {
      const found = await offered(context, id);
      if (found === undefined) return undefined;
      const key = [id, found.cardDigest, context.cardSigner.keyId, ...found.scopes].join(' ');
      const cached = signed.get(key);
      if (cached !== undefined) return cached;
      const version = await context.repository.card(id, found.cardDigest);
      if (version === undefined) return undefined;
      const made = make(found, version.value.original);
      signed.set(key, made);
      made.catch(() => signed.delete(key));
      if (signed.size > maxCached) signed.delete(signed.keys().next().value ?? '');
      return made;
    },

    /** The provider's own card, byte for byte. */
    async original(id: string): Promise<ServedCard | undefined> {
      const found = await offered(context, id);
      if (found === undefined) return undefined;
      const version = await context.repository.card(id, found.cardDigest);
      return version === undefined ? undefined : { body: version.value.original, etag: version.value.digest };
    },
  };
}

async function offered(context: RegistryContext, id: string): Promise<Agent | undefined> {
  const { agent, provider } = await context.repository.agentAndProvider(id);
  if (agent === undefined || provider === undefined) return undefined;
  return isOnOffer({ status: agent.value.status, providerStatus: provider.value.status })
    ? agent.value
    : undefined;
}
