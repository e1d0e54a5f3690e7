import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { loadConfig } from '../../config/index.ts';
import { createOnce } from '../../config/master-key.ts';
import { createLog } from '../../telemetry/log.ts';
import { Failure } from '../failure.ts';
import { newOperatorToken } from '../init.ts';
import type { CliIo, RunnableBroker } from '../io.ts';
import { operatorTokenPath, readOperatorTokenFile } from '../operator-token-file.ts';
import { startBroker } from '../serve.ts';
import { rememberAddress } from './broker-address.ts';
import type { Place } from './place.ts';

export interface DemoBroker {
  readonly broker: RunnableBroker;
  readonly operatorToken: string;
}

/** The whole broker, in this process, on the embedded store; its log goes to a file. */
export async function startDemoBroker(io: CliIo, place: Place): Promise<DemoBroker> {
  const operatorToken = await ownOperatorToken(io.env, place);
  const { HOST, LOG_LEVEL, BROKER_MASTER_KEY } = io.env;
  const config = loadConfig({
    HOST,
    LOG_LEVEL,
    BROKER_MASTER_KEY,
    BROKER_URL: place.brokerUrl,
    PORT: String(place.brokerPort),
    BROKER_DATA_DIR: place.directory,
    BROKER_OPERATOR_TOKEN: operatorToken,
    // The companies are programs of this machine.
    BROKER_ALLOW_PRIVATE_NETWORK: 'true',
  });
  await mkdir(join(place.directory, 'demo'), { recursive: true, mode: 0o700 });
  const log = createLog({ level: config.LOG_LEVEL, file: logPath(place) });
  const { broker } = await startBroker(io, config, { log });
  await rememberAddress(place.directory, place.brokerUrl);
  return { broker, operatorToken };
}

export function logPath({ directory }: Pick<Place, 'directory'>): string {
  return join(directory, 'demo', 'broker.log');
}

/** The one of `init` or of an earlier start; made at the first. Throws `configuration` when there was one that is not known here. */
async function ownOperatorToken(env: CliIo['env'], { directory, isKept }: Place): Promise<string> {
  const known = env['BROKER_OPERATOR_TOKEN'] || (await readOperatorTokenFile(directory));
  if (known !== undefined) return known;
  if (isKept)
    throw new Failure(
      'configuration',
      `The operator’s token of the data in ${directory} is not known here.`,
      {
        hints: ['Set BROKER_OPERATOR_TOKEN to it, or BROKER_DATA_DIR to another directory.'],
      },
    );
  const token = newOperatorToken();
  await createOnce(operatorTokenPath(directory), `${token}\n`);
  return token;
}
