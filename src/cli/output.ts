import pc from 'picocolors';
import type { CliIo, OutputStream } from './io.ts';

export type Colors = ReturnType<typeof pc.createColors>;

/** The reader went away (`| head`): there is nobody to tell anything any more. */
export class OutputClosed extends Error {
  override readonly name = 'OutputClosed';
}

/** Colour on a terminal only, and not against https://no-color.org. */
export function colorsFor(stream: OutputStream, env: CliIo['env']): Colors {
  return pc.createColors(isColorful(stream, env));
}

export function isColorful(stream: OutputStream, env: CliIo['env']): boolean {
  return stream.isTTY === true && !env['NO_COLOR'] && env['TERM'] !== 'dumb';
}

/** Waits until the text is handed over, so that no listing outruns its reader. Throws {@link OutputClosed}. */
export function write(stream: OutputStream, text: string): Promise<void> {
  return new Promise((resolve, reject) => {
    stream.write(text, (error?: Error | null) => {
      if (error === undefined || error === null) resolve();
      else reject(new OutputClosed('the output was closed', { cause: error }));
    });
  });
}

/** What the API sent, as it sent it. */
export function writeJson(io: CliIo, text: string): Promise<void> {
  return write(io.stdout, text.endsWith('\n') ? text : `${text}\n`);
}
