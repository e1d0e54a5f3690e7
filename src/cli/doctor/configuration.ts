import { existsSync } from 'node:fs';
import { type Config, ConfigError, isDevelopment, loadConfig } from '../../config/index.ts';
import { masterKeyPath } from '../../config/master-key.ts';
import { variables } from '../../config/variables.ts';
import { Failure } from '../failure.ts';
import type { CliIo } from '../io.ts';
import { dataDirOf, readOperatorTokenFile } from '../operator-token-file.ts';
import { type Check, fail, failOf, ok, warn } from './check.ts';

/** One variable as it takes effect here. Of secrets only whether they are set. */
export interface Setting {
  readonly name: string;
  readonly value: string;
  readonly source: 'environment' | 'default' | 'master.key' | 'operator.token' | 'unset';
}

export interface Configuration {
  readonly settings: readonly Setting[];
  readonly checks: readonly Check[];
  /** Absent when it is not valid: then nothing else can be checked. */
  readonly config?: Config;
}

/** The configuration as `serve` would read it. */
export async function examineConfiguration(env: CliIo['env']): Promise<Configuration> {
  let fileToken: string | undefined;
  try {
    fileToken =
      env['BROKER_OPERATOR_TOKEN'] || isShared(env) ? undefined : await readOperatorTokenFile(dataDirOf(env));
    const settings = settingsOf(env, fileToken !== undefined);
    const config = loadConfig(fileToken === undefined ? env : { ...env, BROKER_OPERATOR_TOKEN: fileToken });
    return { settings, config, checks: [spelling(env), privateNetwork(config)] };
  } catch (error) {
    const settings = settingsOf(env, fileToken !== undefined);
    if (error instanceof Failure) return { settings, checks: [failOf('configuration', error)] };
    if (!(error instanceof ConfigError)) throw error;
    const advice = 'Each variable is explained in docs/configuration.md. The other checks need a valid one.';
    return { settings, checks: [fail('configuration', error.message, advice)] };
  }
}

/** Then a file of this machine counts for nothing. */
function isShared(env: CliIo['env']): boolean {
  return env['BROKER_STORE'] === 'dynamodb';
}

function settingsOf(env: CliIo['env'], hasTokenFile: boolean): readonly Setting[] {
  return variables.map(({ name, secret, default: byDefault }) => {
    const given = env[name];
    if (given) return { name, value: secret ? 'set' : given, source: 'environment' };
    if (name === 'BROKER_OPERATOR_TOKEN' && hasTokenFile)
      return { name, value: 'set', source: 'operator.token' };
    if (name === 'BROKER_MASTER_KEY' && !isShared(env) && existsSync(masterKeyPath(dataDirOf(env))))
      return { name, value: 'set', source: 'master.key' };
    return byDefault === undefined
      ? { name, value: 'unset', source: 'unset' }
      : { name, value: byDefault, source: 'default' };
  });
}

/** A variable that nobody reads is a setting that somebody believes in. */
function spelling(env: CliIo['env']): Check {
  const known = new Set(variables.map(({ name }) => name));
  const unknown = Object.keys(env).filter((name) => name.startsWith('BROKER_') && !known.has(name));
  return unknown.length === 0
    ? ok('configuration', 'valid')
    : warn(
        'configuration',
        `valid, but nothing reads ${unknown.join(', ')}`,
        'Check the spelling; docs/configuration.md lists every variable.',
      );
}

function privateNetwork(config: Config): Check {
  const name = 'private network';
  if (!config.BROKER_ALLOW_PRIVATE_NETWORK) return ok(name, 'out of reach for the broker’s own requests');
  if (isDevelopment(config)) return ok(name, 'may be called; the broker is on loopback');
  return warn(
    name,
    'BROKER_ALLOW_PRIVATE_NETWORK is true: whoever registers an address can make the broker call your internal network',
    'Unset it, unless this is a closed network in which you trust every provider and tenant.',
  );
}
