import { z } from 'zod';
import { logLevels } from '../telemetry/log.ts';
import { eventSettings } from './events.ts';

/**
 * Everything that can be set from outside, once, with its default and its unit. `a2a-broker doctor` prints it, and
 * `docs/configuration.md` is made from it.
 */
export const configSchema = z.object({
  BROKER_URL: z
    .url({ protocol: /^https?$/, error: 'must be an http(s) URL such as https://broker.example.com' })
    .refine(
      (url) => isBareOrigin(url),
      'must be an origin alone: scheme, host and port, without path or trailing slash',
    )
    .default('http://localhost:8080')
    .describe(
      'Public base of the broker and the issuer of its tokens. Must be https unless the host is loopback.',
    ),
  HOST: z
    .string()
    .min(1)
    .default('127.0.0.1')
    .describe('Address to listen on. Use 0.0.0.0 inside a container.'),
  PORT: z.coerce
    .number({ error: 'must be a port number' })
    .int()
    .min(0)
    .max(65_535)
    .default(8080)
    .describe('Port to listen on; 0 lets the system choose.'),
  BROKER_DATA_DIR: z.string().min(1).default('./data').describe('Directory of the embedded store.'),
  BROKER_STORE: z
    .enum(['lmdb', 'dynamodb'])
    .default('lmdb')
    .describe('Storage engine: lmdb on one machine, dynamodb for several replicas (docs/dynamodb.md).'),
  DYNAMODB_TABLE: z
    .string()
    .regex(/^[A-Za-z0-9_.-]{3,255}$/, 'must be 3 to 255 letters, digits, dots, dashes or underscores')
    .optional()
    .meta({
      description: 'Table of the DynamoDB store; `a2a-broker init` makes it.',
      requiredWhen: 'BROKER_STORE is dynamodb',
    }),
  DYNAMODB_ENDPOINT: z
    .url({ protocol: /^https?$/, error: 'must be an http(s) URL such as http://127.0.0.1:8000' })
    .optional()
    .describe('Another DynamoDB than the AWS region’s, such as a local one.'),
  ...eventSettings,
  AWS_REGION: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/, 'must be a region such as eu-central-1')
    .optional()
    .describe('Region of the table and of the event bus. Default: that of the AWS profile.'),
  BROKER_MASTER_KEY: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}=?$|^[A-Za-z0-9+/]{43}=$/, 'must be 32 bytes in base64 or base64url')
    .optional()
    .meta({
      description:
        'Encrypts private keys at rest: 32 bytes in base64. On loopback one is made at first start, in the data directory.',
      requiredWhen: 'BROKER_URL is not on loopback, or BROKER_STORE is dynamodb',
      secret: true,
    }),
  BROKER_MASTER_KEY_PREVIOUS: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}=?$|^[A-Za-z0-9+/]{43}=$/, 'must be 32 bytes in base64 or base64url')
    .optional()
    .meta({
      description:
        'The master key that BROKER_MASTER_KEY replaces: opens what it encrypted until `keys reencrypt` is done.',
      secret: true,
    }),
  BROKER_KEY_ROTATION_DAYS: z.coerce
    .number({ error: 'must be a number of days' })
    .int()
    .min(0)
    .max(3650)
    .default(90)
    .describe('Signing keys get a successor when they are this many days old; 0: only by command.'),
  BROKER_OPERATOR_TOKEN: z
    .string()
    .min(24, 'must have at least 24 characters')
    // RFC 6750 §2.1: nothing else can be sent as a bearer token.
    .regex(/^[A-Za-z0-9._~+/=-]*$/, 'may only have letters, digits and . _ ~ + / = -')
    .optional()
    .meta({
      description:
        'Bearer token of the marketplace operator, at least 24 characters. `a2a-broker init` makes one in the data ' +
        'directory, which counts as set; on loopback one is made at first start and printed once.',
      requiredWhen: 'BROKER_URL is not on loopback, or BROKER_STORE is dynamodb',
      secret: true,
    }),
  BROKER_DPOP: z
    .enum(['offered', 'required'])
    .default('offered')
    .describe(
      'Tokens bound to a key of their holder (RFC 9449). offered: for clients that send a proof, or are registered for ' +
        'bound tokens only; required: every token is bound, and agents and the API take no other.',
    ),
  BROKER_DPOP_NONCES: z
    .enum(['offered', 'required'])
    .default('offered')
    .describe(
      'Nonces in DPoP proofs. required: every proof needs a fresh one, so that none can be made in advance; it costs a ' +
        'client one more request now and then.',
    ),
  BROKER_ALLOW_PRIVATE_NETWORK: z
    .enum(['true', 'false'])
    .default('false')
    .transform((text) => text === 'true')
    .describe(
      'Lets the broker call private and loopback addresses: for development, tests and closed networks only.',
    ),
  LOG_LEVEL: z.enum(logLevels).default('info').describe('Least severe log line that is written.'),
});

export type Config = z.output<typeof configSchema>;

/** One sentence that names the variable and what is wrong with it. Never repeats a secret's value. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}

export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const known = Object.fromEntries(
    Object.keys(configSchema.shape).flatMap((name) => {
      const value = env[name];
      return value === undefined || value === '' ? [] : [[name, value]];
    }),
  );
  const parsed = configSchema.safeParse(known);
  if (!parsed.success) {
    const problems = parsed.error.issues.map((issue) => `${issue.path.join('.')}: ${issue.message}`);
    throw new ConfigError(`The configuration is not valid: ${problems.join('; ')}.`);
  }
  const config = parsed.data;
  if (config.BROKER_STORE === 'dynamodb') requireShared(config);
  if (config.BROKER_EVENTS === 'eventbridge') requireEventBus(config);
  if (!isDevelopment(config)) {
    if (!config.BROKER_URL.startsWith('https:'))
      throw new ConfigError('BROKER_URL must use https unless its host is loopback.');
    for (const name of ['BROKER_MASTER_KEY', 'BROKER_OPERATOR_TOKEN'] as const)
      if (config[name] === undefined)
        throw new ConfigError(`${name} must be set unless BROKER_URL is on loopback.`);
  }
  return config;
}

/** Every replica needs the same, so nothing of it may be made on one of them. */
function requireShared(config: Config): void {
  for (const name of ['DYNAMODB_TABLE', 'BROKER_MASTER_KEY', 'BROKER_OPERATOR_TOKEN'] as const)
    if (config[name] === undefined)
      throw new ConfigError(`${name} must be set when BROKER_STORE is dynamodb.`);
  if (config.DYNAMODB_ENDPOINT?.startsWith('http:') === true && !isDevelopment(config))
    throw new ConfigError('DYNAMODB_ENDPOINT must use https unless BROKER_URL is on loopback.');
}

function requireEventBus(config: Config): void {
  if (config.EVENTBRIDGE_BUS === undefined)
    throw new ConfigError('EVENTBRIDGE_BUS must be set when BROKER_EVENTS is eventbridge.');
  if (config.EVENTBRIDGE_ENDPOINT?.startsWith('http:') === true && !isDevelopment(config))
    throw new ConfigError('EVENTBRIDGE_ENDPOINT must use https unless BROKER_URL is on loopback.');
}

/** On loopback nobody else can reach the broker, so it may make its own secrets at first start. */
export function isDevelopment(config: Pick<Config, 'BROKER_URL'>): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(config.BROKER_URL).hostname);
}

function isBareOrigin(url: string): boolean {
  return URL.canParse(url) && new URL(url).origin === url;
}
