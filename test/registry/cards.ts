import { type KeyObject, verify } from 'node:crypto';
import type { JsonObject, JsonValue } from '../../src/kernel/json.ts';

export const endpoint = 'https://agents.skyways.example/flights/rpc';

/** A valid A2A 1.0 card, with much in it that callers of the broker must not be told as it is. */
export function flightsCard(changes: JsonObject = {}): JsonObject {
  return {
    name: 'Flights',
    description: 'Finds and books flights',
    version: '2.1.0',
    provider: { organization: 'Skyways', url: 'https://skyways.example' },
    supportedInterfaces: [
      { url: 'https://agents.skyways.example/flights', protocolBinding: 'HTTP+JSON', protocolVersion: '1.0' },
      { url: endpoint, protocolBinding: 'JSONRPC', protocolVersion: '1.0', tenant: 'lane-7' },
    ],
    capabilities: { streaming: true, pushNotifications: true, extendedAgentCard: true, extensions: [] },
    securitySchemes: { theirs: { httpAuthSecurityScheme: { scheme: 'bearer' } } },
    securityRequirements: [{ schemes: { theirs: { list: [] } } }],
    defaultInputModes: ['text/plain'],
    defaultOutputModes: ['text/plain'],
    skills: [
      {
        id: 'search',
        name: 'Search flights',
        description: 'From A to B',
        tags: ['travel', 'search'],
        securityRequirements: [{ schemes: { theirs: { list: ['search'] } } }],
      },
      { id: 'book', name: 'Book a flight', description: 'For one', tags: ['travel'] },
    ],
    signatures: [{ protected: 'eyJhbGciOiJub25lIn0', signature: 'Zm9yZ2Vk' }],
    'x-skyways': { ключ: [1, 2.5, null, 'é', '\u2028'], '': false },
    ...changes,
  };
}

/** A card whose JSON-RPC interface is here, so that several can be registered side by side. */
export function cardAt(url: string, changes: JsonObject = {}): JsonObject {
  return flightsCard({
    supportedInterfaces: [{ url, protocolBinding: 'JSONRPC', protocolVersion: '1.0' }],
    ...changes,
  });
}

export interface Signature {
  readonly protected: string;
  readonly signature: string;
}

/** RFC 8785, written again here so that the broker's own form is not what proves the broker right. */
export function jcs(value: JsonValue): string {
  if (value === null || typeof value !== 'object') return JSON.stringify(value);
  if (Array.isArray(value)) return `[${value.map((item: JsonValue) => jcs(item)).join(',')}]`;
  const object = value as JsonObject;
  const names = Object.keys(object).toSorted();
  return `{${names.map((name) => `${JSON.stringify(name)}:${jcs(object[name] ?? null)}`).join(',')}}`;
}

/** A2A 1.0 §8.4: whether one of the detached ES256 signatures is over the JCS form of the card without `signatures`. */
export function isSigned(card: JsonObject, key: KeyObject): boolean {
  const { signatures, ...content } = card;
  const payload = Buffer.from(jcs(content)).toString('base64url');
  return (signatures as unknown as readonly Signature[]).some((candidate) =>
    verify(
      'sha256',
      Buffer.from(`${candidate.protected}.${payload}`),
      { key, dsaEncoding: 'ieee-p1363' },
      Buffer.from(candidate.signature, 'base64url'),
    ),
  );
}
