import { AgentCard as SdkCard } from '@a2a-js/sdk';
import { z } from 'zod';
import { canonicalJson } from '../kernel/canonical-json.ts';
import { sha256 } from '../kernel/digest.ts';
import { Fault, type FieldError } from '../kernel/fault.ts';
import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../kernel/json.ts';
import type { RegistryErrorCode } from './errors.ts';

export const maxCardBytes = 256 * 1024;
/** As stored: a text inside JSON, where each quote takes two bytes. */
const maxStoredBytes = 320 * 1024;
const maxDepth = 20;

const text = (max: number) => z.string().min(1).max(max);
const httpUrl = z
  .string()
  .max(2048)
  .refine((url) => /^https?:\/\//i.test(url) && URL.canParse(url), 'must be an absolute http(s) URL')
  .refine((url) => !url.includes('#'), 'must not have a fragment')
  .refine((url) => !URL.canParse(url) || new URL(url).username === '', 'must not carry credentials');

const interfaceSchema = z.looseObject({
  url: httpUrl,
  protocolBinding: text(64),
  protocolVersion: text(16),
  tenant: z.string().max(256).optional(),
});

const skillSchema = z.looseObject({
  id: text(128),
  name: text(256),
  description: text(8192),
  tags: z.array(z.string().max(64)).max(64),
});

/** The parts of an A2A v1.0 agent card on which we rely (spec §4.4.1); everything else is kept as it came. */
const cardSchema = z.looseObject({
  name: text(256),
  description: text(8192),
  version: text(64),
  supportedInterfaces: z.array(interfaceSchema).min(1).max(32),
  capabilities: z.looseObject({
    streaming: z.boolean().optional(),
    pushNotifications: z.boolean().optional(),
  }),
  defaultInputModes: z.array(text(256)).max(64),
  defaultOutputModes: z.array(text(256)).max(64),
  skills: z.array(skillSchema).min(1).max(256),
});

export interface AgentCard {
  /** As parsed from the original, nothing added or lost. */
  readonly json: JsonObject;
  readonly digest: string;
  readonly facts: z.output<typeof cardSchema>;
  /** The interface that we relay to. */
  readonly endpoint: z.output<typeof interfaceSchema>;
}

/** Throws `card_invalid` with a JSON Pointer for each wrong field. */
export function readCard(original: string): AgentCard {
  if (Buffer.byteLength(original) > maxCardBytes) refuse([], `The card has more than ${maxCardBytes} bytes.`);
  if (Buffer.byteLength(JSON.stringify(original)) > maxStoredBytes)
    refuse(
      [],
      'The card is too large to keep: it holds very many quotes, backslashes or control characters.',
    );
  const json = parseJson(original);
  if (!isJsonObject(json)) refuse([], 'The card is not a JSON object.');
  if (depthOf(json) > maxDepth) refuse([], `The card is nested more than ${maxDepth} levels deep.`);
  if (!('supportedInterfaces' in json) && 'url' in json)
    refuse(
      [{ path: '/supportedInterfaces', message: 'is missing; `url` at the top is the shape of A2A 0.3' }],
      'This is an A2A 0.3 card. Register a card in the shape of A2A 1.0.',
    );
  const parsed = cardSchema.safeParse(json);
  if (!parsed.success)
    refuse(
      parsed.error.issues.slice(0, 20).map((issue) => ({
        path: issue.path
          .map((part) => `/${String(part).slice(0, 100).replaceAll('~', '~0').replaceAll('/', '~1')}`)
          .join(''),
        message: issue.message,
      })),
      'The card does not fit A2A 1.0.',
    );
  requireReadable(json);
  requireFewSkills(parsed.data);
  const facts = parsed.data;
  const endpoint = facts.supportedInterfaces.find(
    (candidate) =>
      candidate.protocolBinding === 'JSONRPC' && /^1\.0(?:\.\d+)?$/.test(candidate.protocolVersion),
  );
  if (endpoint === undefined)
    refuse(
      [
        {
          path: '/supportedInterfaces',
          message: 'must have one with protocolBinding "JSONRPC" and protocolVersion "1.0"',
        },
      ],
      'The card has no interface that can be relayed.',
    );
  return { json, digest: sha256(canonicalJson(json)), facts, endpoint };
}

/** The agent's own record repeats ids, names and tags of skills, so that lists need not read cards. */
const maxSkillBytes = 64 * 1024;

function requireFewSkills({ skills }: z.output<typeof cardSchema>): void {
  const summaries = skills.map(({ id, name, tags }) => ({ id, name, tags }));
  if (Buffer.byteLength(JSON.stringify(summaries)) > maxSkillBytes)
    refuse(
      [{ path: '/skills', message: `ids, names and tags may have ${maxSkillBytes} bytes together` }],
      'The card lists too many skills and tags.',
    );
}

/** What the official SDK cannot read, its clients cannot use, and we could not sign. */
function requireReadable(json: JsonObject): void {
  try {
    SdkCard.toJSON(SdkCard.fromJSON(json));
  } catch (error) {
    refuse(
      [],
      `The card does not fit A2A 1.0: ${error instanceof Error ? error.message.slice(0, 200) : 'unreadable'}.`,
    );
  }
}

function refuse(fields: readonly FieldError[], message: string): never {
  throw new Fault<RegistryErrorCode>('card_invalid', message, fields.length === 0 ? {} : { fields });
}

/** Without recursion, so that what is too deep cannot break what measures it. */
function depthOf(root: JsonValue): number {
  let level: readonly JsonValue[] = [root];
  let depth = 0;
  while (level.length > 0 && depth <= maxDepth) {
    depth++;
    level = level.flatMap((value) =>
      typeof value === 'object' && value !== null ? Object.values(value) : [],
    );
  }
  return depth;
}
