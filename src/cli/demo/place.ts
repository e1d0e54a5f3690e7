import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { Failure } from '../failure.ts';
import type { CliIo } from '../io.ts';
import {
  addressAt,
  type BrokerAddress,
  chooseBrokerAddress,
  readIfThere,
  takenForGood,
} from './broker-address.ts';
import { freePort, isFree } from './ports.ts';

/** Where a demo lives: its data, and the addresses that are in them for good. */
export interface Place extends BrokerAddress {
  /** Absolute. */
  readonly directory: string;
  /** There are data of an earlier start. */
  readonly isKept: boolean;
  /** Program → the port to ask for; 0 lets the system choose. */
  readonly ports: Readonly<Record<string, number>>;
  /** What the reader should know about the choice. */
  readonly notes: readonly string[];
}

export function stateDirectory(place: Pick<Place, 'directory'>, name: string): string {
  return join(place.directory, 'demo', name);
}

/**
 * The same addresses as at an earlier start, because issuers are named by them; else those that were asked for by BROKER_URL or
 * PORT, else the first free ones. Throws `failed` for one that is taken and cannot be another, `configuration` for what
 * contradicts the data.
 */
export async function choosePlace(
  env: CliIo['env'],
  options: {
    readonly directory: string;
    readonly programs: readonly string[];
    /** Nobody will come back to it: any ports, whatever the environment asks for. */
    readonly isTemporary: boolean;
  },
): Promise<Place> {
  const { directory, programs, isTemporary } = options;
  if (isTemporary) {
    const brokerPort = await freePort();
    const ports = Object.fromEntries(programs.map((name) => [name, 0]));
    return { directory, isKept: false, ...addressAt(brokerPort), ports, notes: [] };
  }
  const isKept = await exists(join(directory, 'broker.mdb'));
  if (isKept && !(await exists(join(directory, 'demo')))) throw ofSomebodyElse(directory);
  const { notes, ...broker } = await chooseBrokerAddress(env, directory, isKept);
  const ports: Record<string, number> = {};
  for (const [index, name] of programs.entries())
    ports[name] = (await keptPort(directory, name)) ?? (await portNear(broker.brokerPort + 1 + index));
  return { directory, isKept, ...broker, ports, notes };
}

/** The demo admits companies, makes prices and closes the month: in nobody else's books. */
function ofSomebodyElse(directory: string): Failure {
  return new Failure(
    'configuration',
    `The data in ${directory} are those of a broker of yours, not the demo’s.`,
    {
      hints: ['Set BROKER_DATA_DIR to another directory, such as ./data-demo.'],
    },
  );
}

/** A company is its address: examples/company/state.ts keeps it. */
async function keptPort(directory: string, name: string): Promise<number | undefined> {
  const text = await readIfThere(join(stateDirectory({ directory }, name), 'port'));
  if (text === undefined) return undefined;
  const port = Number(text);
  if (await isFree(port)) return port;
  throw takenForGood(port, name, `http://127.0.0.1:${port}`);
}

async function portNear(port: number): Promise<number> {
  return port <= 65_535 && (await isFree(port)) ? port : 0;
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
