/** One line of output. `limit` is in the same unit as `value`; `ratio` is value / limit. */
export interface Measure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  readonly limit: number | null;
  readonly ratio: number | null;
}

export function measure(name: string, value: number, unit: string, limit?: number): Measure {
  return limit === undefined
    ? { name, value, unit, limit: null, ratio: null }
    : { name, value, unit, limit, ratio: value / limit };
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))] ?? Number.NaN;
}

/** Runs `work` for every item, `concurrency` at a time. Answers items per second. */
export async function throughput<T>(
  items: readonly T[],
  concurrency: number,
  work: (item: T) => Promise<void>,
): Promise<number> {
  let next = 0;
  const start = performance.now();
  await Promise.all(
    Array.from({ length: concurrency }, async () => {
      for (let index = next++; index < items.length; index = next++) await work(items[index] as T);
    }),
  );
  return (items.length / (performance.now() - start)) * 1000;
}

/** Starts `work` at a steady rate, whether or not earlier ones have ended. Answers milliseconds each took. */
export async function latencies<T>(
  items: readonly T[],
  perSecond: number,
  work: (item: T) => Promise<void>,
): Promise<readonly number[]> {
  const start = performance.now();
  const running: Promise<number>[] = [];
  for (const [index, item] of items.entries()) {
    const due = start + (index * 1000) / perSecond;
    const wait = due - performance.now();
    if (wait > 0.5) await new Promise((resolve) => setTimeout(resolve, wait));
    const begun = performance.now();
    running.push(work(item).then(() => performance.now() - begun));
  }
  return Promise.all(running);
}
