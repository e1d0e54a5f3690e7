const firstMs = 200;
const longestMs = 30_000;

/** How long to wait after so many failures in a row. At random, so that those who failed together do not return together. */
export function backoffMs(failures: number, random: () => number): number {
  const ceiling = Math.min(longestMs, firstMs * 2 ** Math.min(failures, 16));
  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}
