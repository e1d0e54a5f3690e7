import { z } from 'zod';
import { logLevels } from '../telemetry/log.ts';

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
  BROKER_STORE: z.enum(['lmdb']).default('lmdb').describe('Storage engine.'),
  BROKER_MASTER_KEY: z
    .string()
    .regex(/^[A-Za-z0-9_-]{43}=?$|^[A-Za-z0-9+/]{43}=$/, 'must be 32 bytes in base64 or base64url')
    .optional()
    .meta({
      description:
        'Encrypts private keys at rest: 32 bytes in base64. On loopback one is made at first start, in the data directory.',
      requiredWhen: 'BROKER_URL is not on loopback',
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
      requiredWhen: 'BROKER_URL is not on loopback',
      secret: true,
    }),
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
  if (!isDevelopment(config)) {
    if (!config.BROKER_URL.startsWith('https:'))
      throw new ConfigError('BROKER_URL must use https unless its host is loopback.');
    for (const name of ['BROKER_MASTER_KEY', 'BROKER_OPERATOR_TOKEN'] as const)
      if (config[name] === undefined)
        throw new ConfigError(`${name} must be set unless BROKER_URL is on loopback.`);
  }
  return config;
}

/** On loopback nobody else can reach the broker, so it may make its own secrets at first start. */
export function isDevelopment(config: Pick<Config, 'BROKER_URL'>): boolean {
  return ['localhost', '127.0.0.1', '[::1]'].includes(new URL(config.BROKER_URL).hostname);
}

function isBareOrigin(url: string): boolean {
  return URL.canParse(url) && new URL(url).origin === url;
}
