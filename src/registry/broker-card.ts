import { AgentCard as SdkCard, canonicalizeAgentCard } from '@a2a-js/sdk';
import { canonicalJson } from '../kernel/canonical-json.ts';
import type { JsonObject, JsonValue } from '../kernel/json.ts';
import { isJsonObject } from '../kernel/json.ts';
import type { Agent } from './agent.ts';

/** Signs as a detached JWS; `protected` carries `alg`, `kid` and `typ` (A2A v1.0 §8.4.2). */
export interface CardSigner {
  /** Changes when the key does, so that cached cards are signed anew. */
  readonly keyId: string;
  sign(payload: Uint8Array): Promise<{ protected: string; signature: string }>;
}

const scheme = 'broker';

/** Members that are ours to say, and A2A 0.3's ways to say them: a reader of both shapes must not find a way around us. */
const replaced = new Set([
  'signatures',
  'securityRequirements',
  'security',
  'url',
  'preferredTransport',
  'additionalInterfaces',
  'protocolVersion',
  'supportsAuthenticatedExtendedCard',
]);

/**
 * The card as callers of the broker see it: our address, our security, only what is relayed. Fields that we do not know
 * are kept; the provider's signatures go, because they cannot hold for changed content.
 */
export function rewriteCard(
  original: JsonObject,
  agent: Pick<Agent, 'id' | 'scopes'>,
  brokerUrl: string,
): JsonObject {
  const kept = Object.fromEntries(Object.entries(original).filter(([name]) => !replaced.has(name)));
  const capabilities = isJsonObject(original['capabilities']) ? original['capabilities'] : {};
  const skills = Array.isArray(original['skills']) ? (original['skills'] as readonly JsonValue[]) : [];
  return {
    ...kept,
    supportedInterfaces: [
      { url: `${brokerUrl}/a2a/${agent.id}/jsonrpc`, protocolBinding: 'JSONRPC', protocolVersion: '1.0' },
    ],
    capabilities: { ...capabilities, pushNotifications: false, extendedAgentCard: false },
    securitySchemes: {
      [scheme]: {
        oauth2SecurityScheme: {
          description:
            'A token for this agent from the broker’s token endpoint, by token exchange (RFC 8693): as Bearer, or bound to a key ' +
            '(DPoP, RFC 9449). Whether it must be bound, the metadata of the agent’s address says (RFC 9728)',
          oauth2MetadataUrl: `${brokerUrl}/.well-known/oauth-authorization-server`,
          flows: {
            clientCredentials: {
              tokenUrl: `${brokerUrl}/oauth/token`,
              scopes: Object.fromEntries(agent.scopes.map((scope) => [scope, describeScope(scope)])),
            },
          },
        },
      },
    },
    securityRequirements: [{ schemes: { [scheme]: { list: ['a2a:invoke'] } } }],
    skills: skills.map((skill) => (isJsonObject(skill) ? withoutSecurity(skill) : skill)),
  };
}

/**
 * Signed in the specification's canonical form (§8.4.1), and in the official SDK's where they differ: it drops empty members
 * and what it does not know, and does so twice when its own resolver has parsed the card before. A verifier needs one
 * valid signature.
 */
export async function signCard(card: JsonObject, signer: CardSigner): Promise<JsonObject> {
  const parsed = SdkCard.fromJSON(card);
  const forms = new Set([
    canonicalJson(card),
    canonicalizeAgentCard(card as unknown as SdkCard),
    canonicalizeAgentCard(parsed),
  ]);
  const signatures = await Promise.all([...forms].map((form) => signer.sign(Buffer.from(form, 'utf8'))));
  return { ...card, signatures };
}

function withoutSecurity(skill: JsonObject): JsonObject {
  const { securityRequirements: _, security: __, ...kept } = skill;
  return kept;
}

function describeScope(scope: string): string {
  if (scope === 'a2a:invoke') return 'Send messages and cancel tasks';
  if (scope === 'a2a:read') return 'Read and follow tasks';
  return `The agent’s own scope ${scope}`;
}
