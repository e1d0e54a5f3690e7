import { type Colors, OutputClosed, write } from '../output.ts';
import type { OutputStream } from '../io.ts';
import { printable } from '../table.ts';
import { cells, width } from './layout.ts';
import type { StepListener, StepRecord } from './steps.ts';

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 80;
const nameWidth = 14;
const timeWidth = 8;

/** Nobody watches. */
export const silent: StepListener = {
  begun: () => Promise.resolve(),
  ended: () => Promise.resolve(),
};

/** A line for each step that ended; on a terminal also one, which moves, for the step that runs. */
export function createProgress(output: OutputStream, colors: Colors, isLive: boolean): StepListener {
  let timer: NodeJS.Timeout | undefined;

  function spin(name: string): void {
    let frame = 0;
    const draw = () => {
      const sign = colors.cyan(frames[frame++ % frames.length] ?? '');
      write(output, `\r  ${sign} ${name}`).catch((error: unknown) => {
        if (!(error instanceof OutputClosed)) throw error;
      });
    };
    draw();
    timer = setInterval(draw, frameMs);
  }

  return {
    begun: (name) => {
      if (isLive) spin(name);
      return Promise.resolve();
    },
    ended: (record, detail) => {
      clearInterval(timer);
      return write(output, `${isLive ? '\r\u001B[2K' : ''}${stepLine(record, detail, colors)}\n`);
    },
  };
}

/** What a step found, and how long it took at the right edge. */
export function stepLine({ name, ok, ms }: StepRecord, detail: string, colors: Colors): string {
  const sign = ok ? colors.green('✓') : colors.red('✗');
  const room = width - 4 - nameWidth - timeWidth;
  // Why it did not hold is told in full when all is stopped.
  const text = cells(ok ? printable(detail) : 'did not hold', room);
  const time = `${(ms / 1000).toFixed(1)} s`.padStart(timeWidth);
  return `  ${sign} ${name.padEnd(nameWidth)}${ok ? text : colors.red(text)}${colors.dim(time)}`;
}
