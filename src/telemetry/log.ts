import { destination, type Logger, type LoggerOptions, pino } from 'pino';

/** Structured log, one JSON object a line. Names of fields that may hold secrets are redacted wherever they appear. */
export type Log = Pick<Logger, 'trace' | 'debug' | 'info' | 'warn' | 'error' | 'fatal'>;

const secretFields = [
  'authorization',
  'cookie',
  'token',
  'access_token',
  'subject_token',
  'actor_token',
  'client_assertion',
  'assertion',
  'privateKey',
  'masterKey',
  'operatorToken',
  'secret',
];

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const;

export function createLog(options: {
  readonly level: (typeof logLevels)[number];
  /** Appended to; default: standard output. */
  readonly file?: string;
}): Log {
  const settings: LoggerOptions = {
    level: options.level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label) => ({ level: label }) },
    redact: {
      paths: secretFields.flatMap((field) => [field, `*.${field}`, `*.*.${field}`]),
      censor: '[redacted]',
    },
  };
  return options.file === undefined ? pino(settings) : pino(settings, destination(options.file));
}
