import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BrokerProcess, freePort, operatorToken, startBroker } from '../test/support/broker-process.ts';
import { type Market, openMarket } from '../test/support/market.ts';

export interface BenchBroker {
  readonly broker: BrokerProcess;
  readonly market: Market;
  readonly close: () => Promise<void>;
}

/** The broker as users run it (what `npm run build` made), in a process of its own, on an empty embedded store, with one agent at `upstream`. */
export async function benchBroker(upstream: string): Promise<BenchBroker> {
  const directory = await mkdtemp(join(tmpdir(), 'broker-bench-'));
  const broker = await startBroker({ directory, port: await freePort(), program: ['dist/bin.js'] });
  const market = await openMarket({ url: broker.url, token: operatorToken }, upstream);
  return {
    broker,
    market,
    close: async () => {
      await broker.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
