import type { Clock } from '../kernel/clock.ts';
import { createLeases } from '../storage/lease.ts';
import type { Store } from '../storage/port.ts';
import type { Log } from '../telemetry/log.ts';
import { backoffMs } from './backoff.ts';
import { createOutboxRepository, shards } from './outbox-repository.ts';
import type { EventBus } from './port.ts';
import { hasReadyEvents, type RelayContext, relayShard } from './relay-shard.ts';

/** Brings what is in the outbox to the bus, for as long as the process runs. */
export interface Relay {
  start(): void;
  /** Something was written to this shard. */
  wake(shard: number): void;
  /** Lets the hand-over that is under way end, gives the leases back and does nothing more. What waits stays. */
  stop(): Promise<void>;
}

export interface RelayDeps {
  readonly store: Store;
  readonly bus: EventBus;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
}

/** How soon events of other processes are seen, and how soon a shard that another process left is tried again. */
const pollMs = 1000;

/** When to look next; a wake-up cuts it short unless the bus needs a rest. */
interface Pause {
  readonly ms: number | undefined;
  readonly canBeCut: boolean;
}

/** Each shard has one worker in each process, and at most one of these has the shard's lease. */
export function createRelay(deps: RelayDeps): Relay {
  const context: RelayContext = { ...deps, outbox: createOutboxRepository(deps.store) };
  const leases = createLeases(deps);
  // A process that has the data to itself sees everything that is written.
  const idleMs = deps.store.capabilities.shared ? pollMs : undefined;
  const workers = shards.map((shard) => createWorker(shard));
  const stopping = new AbortController();
  const isStopping = () => stopping.signal.aborted;
  let running: Promise<unknown> | undefined;

  function createWorker(shard: number) {
    let wasWoken = true;
    let cutShort: (() => void) | undefined;
    let failures = 0;

    /** One look, and a hand-over when there is something to hand over. */
    async function turn(consistency: 'strong' | 'eventual'): Promise<Pause> {
      const look = await hasReadyEvents(context, shard, consistency);
      if (!look.ready) return until(look.nextAt);
      const held = await leases.hold(`outbox-${shard}`, (lease, lost) =>
        relayShard(context, shard, lease, () => isStopping() || lost.aborted),
      );
      if (!held.held) return { ms: pollMs, canBeCut: true };
      const { taken, failure, nextAt } = held.value;
      if (failure === undefined) {
        if (failures > 0) deps.log.info({ shard }, 'events are handed over again');
        failures = 0;
        return until(nextAt);
      }
      if (failures === 0) deps.log.warn({ shard, reason: failure }, 'the event bus does not take events');
      // The lease is free meanwhile: another process may have a better way to the bus.
      failures = taken > 0 ? 1 : failures + 1;
      return { ms: backoffMs(failures, deps.random), canBeCut: false };
    }

    function until(nextAt: number | undefined): Pause {
      const dueMs = nextAt === undefined ? Infinity : Math.max(0, nextAt - deps.clock.now());
      const ms = Math.min(dueMs, idleMs ?? Infinity);
      return { ms: ms === Infinity ? undefined : ms, canBeCut: true };
    }

    async function pause({ ms, canBeCut }: Pause): Promise<void> {
      if (isStopping() || (canBeCut && wasWoken)) return;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        cutShort = () => {
          if (isStopping() || canBeCut) resolve();
        };
        if (ms !== undefined) timer = setTimeout(resolve, ms);
      });
      cutShort = undefined;
      clearTimeout(timer);
    }

    return {
      async run(): Promise<void> {
        while (!isStopping()) {
          const consistency = wasWoken ? 'strong' : 'eventual';
          wasWoken = false;
          let next: Pause;
          try {
            next = await turn(consistency);
          } catch (error) {
            failures++;
            deps.log.error({ err: error, shard }, 'the outbox could not be relayed');
            next = { ms: backoffMs(failures, deps.random), canBeCut: false };
          }
          await pause(next);
        }
      },
      wake(): void {
        wasWoken = true;
        cutShort?.();
      },
    };
  }

  return {
    start() {
      running ??= Promise.all(workers.map((worker) => worker.run()));
    },
    wake: (shard) => workers[shard]?.wake(),
    async stop() {
      stopping.abort();
      for (const worker of workers) worker.wake();
      await running;
    },
  };
}
