import type { Log } from '../telemetry/log.ts';

/** What another process does with the keys is seen within this time. */
const everyMs = 2000;

/** Repeats `work` until the returned function is called; a failure is logged and tried again. */
export function keepKeys(log: Log, work: () => Promise<void>): () => void {
  let isRunning = false;
  const timer = setInterval(() => {
    if (isRunning) return;
    isRunning = true;
    work()
      .catch((error: unknown) => log.error({ err: error }, 'the signing keys could not be looked after'))
      .finally(() => (isRunning = false));
  }, everyMs);
  timer.unref();
  return () => clearInterval(timer);
}
