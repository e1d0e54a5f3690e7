/** A table as the formatter of this repository writes it, so that a page that was made is a page that is formatted. */
export function table(titles: readonly string[], rows: readonly (readonly string[])[]): string {
  const cells = [titles, ...rows].map((row) => row.map((cell) => cell.replaceAll('|', '\\|')));
  const widths = titles.map((_, column) => Math.max(3, ...cells.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]) =>
    `| ${widths.map((width, column) => (row[column] ?? '').padEnd(width)).join(' | ')} |`;
  const rule = `| ${widths.map((width) => '-'.repeat(width)).join(' | ')} |`;
  return [line(cells[0] ?? []), rule, ...cells.slice(1).map((row) => line(row))].join('\n');
}

export function code(text: string): string {
  return `\`${text}\``;
}

export function shell(lines: readonly string[]): string {
  return ['```sh', ...lines, '```'].join('\n');
}

/** A paragraph, in lines as long as those that people write here. */
export function prose(text: string): string {
  return text.replaceAll(/(?=.{121})(.{1,120})\s/g, '$1\n');
}

/** Parts of a page, with an empty line between. */
export function page(parts: readonly string[]): string {
  return `${parts.join('\n\n')}\n`;
}

export const notice = '<!-- Made by `npm run docs`: change the code that it is made from. -->';
