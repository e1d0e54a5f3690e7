const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const numbers = { SIGINT: 2, SIGTERM: 15, SIGHUP: 1 } as const;
/** What runs us (npm, tsx) may hand on the signal that the terminal has sent us already. */
const echoMs = 1_000;

export interface SignalWatch {
  readonly asked: Promise<NodeJS.Signals>;
  dispose(): void;
}

/** The first signal asks for an orderly end; another one ends at once, and with us every program (crew.ts). */
export function watchSignals(): SignalWatch {
  let firstAt: number | undefined;
  let ask: (signal: NodeJS.Signals) => void = () => undefined;
  const asked = new Promise<NodeJS.Signals>((resolve) => (ask = resolve));
  const onSignal = (signal: (typeof signals)[number]) => {
    const now = performance.now();
    if (firstAt === undefined) {
      firstAt = now;
      ask(signal);
    } else if (now - firstAt > echoMs) process.exit(128 + numbers[signal]);
  };
  for (const name of signals) process.on(name, onSignal);
  return {
    asked,
    dispose: () => {
      for (const name of signals) process.off(name, onSignal);
    },
  };
}
