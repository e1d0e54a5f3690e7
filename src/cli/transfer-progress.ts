import type { CliIo } from './io.ts';
import { colorsFor } from './output.ts';

const barCells = 24;
const everyMs = 100;

export interface ShownProgress {
  readonly tell: (stage: string, done: number, total?: number) => void;
  /** Takes it away: what comes next begins on an empty line. */
  clear(): void;
}

/** One line on standard error that moves; nothing where that is no terminal. */
export function showProgress({ stderr, env }: CliIo): ShownProgress {
  if (stderr.isTTY !== true) return { tell: () => undefined, clear: () => undefined };
  const colors = colorsFor(stderr, env);
  let shownAt = -Infinity;
  let shownStage = '';
  return {
    tell: (stage, done, total) => {
      const isEnd = done === total;
      if (!isEnd && stage === shownStage && performance.now() - shownAt < everyMs) return;
      shownAt = performance.now();
      shownStage = stage;
      stderr.write(`\r\u001B[2K  ${stage.padEnd(10)}${amount(done, total, colors.cyan)}`);
    },
    clear: () => void (shownStage !== '' && stderr.write('\r\u001B[2K')),
  };
}

function amount(done: number, total: number | undefined, paint: (text: string) => string): string {
  const records = done.toLocaleString('en-US');
  if (total === undefined || total === 0) return `${records} records`;
  const share = Math.min(done / total, 1);
  const full = Math.round(share * barCells);
  const bar = paint('█'.repeat(full)) + '░'.repeat(barCells - full);
  return `${bar} ${String(Math.floor(share * 100)).padStart(3)} %  ${records} of ${total.toLocaleString('en-US')}`;
}
