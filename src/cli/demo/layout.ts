import type { Colors } from '../output.ts';
import { displayWidth } from '../table.ts';

/** Columns of the widest line. */
export const width = 100;

/** A heading and what is under it, with an empty line before. */
export function section(title: string, lines: readonly string[], colors: Colors): string {
  return [
    '',
    '',
    `  ${colors.bold(title)}`,
    '',
    ...lines.map((line) => (line === '' ? '' : `  ${line}`)),
  ].join('\n');
}

/** Exactly so many columns: filled up, or cut with an ellipsis. */
export function cells(text: string, columns: number): string {
  if (displayWidth(text) <= columns) return text + ' '.repeat(columns - displayWidth(text));
  let kept = '';
  for (const char of text) {
    if (displayWidth(kept + char) > columns - 1) break;
    kept += char;
  }
  return `${kept}…${' '.repeat(Math.max(0, columns - 1 - displayWidth(kept)))}`;
}

/** Lines of at most so many columns, broken at spaces; a word that is longer stays whole. */
export function wrap(text: string, columns: number): readonly string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && displayWidth(longer) > columns) {
      lines.push(line);
      line = word;
    } else line = longer;
  }
  return [...lines, line];
}

/** A table of `table.ts`, as lines. */
export function tableLines(table: string): readonly string[] {
  return table.trimEnd().split('\n');
}
