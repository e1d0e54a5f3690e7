import type { JsonValue } from '../kernel/json.ts';
import { isJsonObject } from '../kernel/json.ts';
import type { Colors } from './output.ts';

export type Row = Readonly<Record<string, JsonValue>>;

export interface Column {
  readonly title: string;
  /** A member of the row, `a.b` for one inside another; or how to make the cell. */
  readonly value: string | ((row: Row) => JsonValue | undefined);
  /** Numbers: to the right. */
  readonly alignRight?: boolean;
}

const maxCell = 60;
const gap = '  ';

/** Rows under titles, aligned, a line each. Ids come first and are never cut; other long texts are. */
export function formatTable(columns: readonly Column[], rows: readonly Row[], colors: Colors): string {
  const cells = rows.map((row) =>
    columns.map((column, at) => cut(cellOf(row, column), at === 0 ? Infinity : maxCell)),
  );
  const widths = columns.map(({ title }, at) =>
    Math.max(title.length, ...cells.map((row) => displayWidth(row[at] ?? ''))),
  );
  const line = (texts: readonly string[], paint: (text: string) => string) =>
    texts
      .map((text, at) => {
        const space = ' '.repeat(Math.max(0, (widths[at] ?? 0) - displayWidth(text)));
        const isLast = at === texts.length - 1;
        return columns[at]?.alignRight === true ? space + paint(text) : paint(text) + (isLast ? '' : space);
      })
      .join(gap)
      .trimEnd();
  const heading = line(
    columns.map(({ title }) => title),
    (text) => colors.dim(text),
  );
  return [heading, ...cells.map((row) => line(row, (text) => paintState(text, colors)))].join('\n') + '\n';
}

/** Columns in which some row has something; the first always. */
export function filledColumns(columns: readonly Column[], rows: readonly Row[]): readonly Column[] {
  return columns.filter((column, at) => at === 0 || rows.some((row) => cellOf(row, column) !== ''));
}

/** One thing: its members one below the other, lists of things as tables after them. */
export function formatRecord(record: Row, colors: Colors): string {
  const flat = flatten(record);
  const width = Math.max(0, ...flat.map(([name]) => displayWidth(name)));
  const members = flat.map(([name, value]) => {
    const space = ' '.repeat(width - displayWidth(name));
    return `${colors.dim(name)}${space}${gap}${paintState(textOf(value), colors)}`.trimEnd();
  });
  const tables = listsOf(record).map(
    ([name, rows]) => `\n${colors.bold(printable(name))}\n${formatTable(columnsOf(rows), rows, colors)}`,
  );
  return `${members.join('\n')}\n${tables.join('')}`;
}

/**
 * Names and descriptions are other companies' words: control characters (which could rewrite the terminal) and invisible
 * ones (which could make an id look like another) are shown as what they are.
 */
export function printable(text: string): string {
  return text
    .replaceAll(/[\t\r\n ]+/g, ' ')
    .replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, (char) => `\\u{${(char.codePointAt(0) ?? 0).toString(16)}}`);
}

/** Cells of a terminal that a text takes. */
export function displayWidth(text: string): number {
  let width = 0;
  for (const char of text) width += /\p{M}/u.test(char) ? 0 : wide.test(char) ? 2 : 1;
  return width;
}

const wide =
  /[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|\p{Emoji_Presentation}/u;

function cut(text: string, max: number): string {
  return text.length <= max
    ? text
    : `${Array.from(text)
        .slice(0, max - 1)
        .join('')}…`;
}

function cellOf(row: Row, column: Column): string {
  if (typeof column.value !== 'string') return textOf(column.value(row));
  let value: JsonValue | undefined = row;
  for (const part of column.value.split('.')) value = isJsonObject(value) ? value[part] : undefined;
  return textOf(value);
}

function textOf(value: JsonValue | undefined): string {
  if (value === undefined || value === null) return '';
  if (typeof value === 'string') return printable(value);
  if (Array.isArray(value)) return value.map((item: JsonValue) => textOf(item)).join(', ');
  return typeof value === 'object' ? printable(JSON.stringify(value)) : String(value);
}

function isListOfThings(value: JsonValue | undefined): value is Row[] {
  return Array.isArray(value) && value.length > 0 && value.every((item: JsonValue) => isJsonObject(item));
}

function flatten(record: Row, prefix = ''): readonly (readonly [string, JsonValue])[] {
  return Object.entries(record).flatMap(([name, value]) => {
    const path = prefix + printable(name);
    if (isListOfThings(value)) return [];
    return isJsonObject(value) ? flatten(value, `${path}.`) : [[path, value] as const];
  });
}

function listsOf(record: Row, prefix = ''): readonly (readonly [string, readonly Row[]])[] {
  return Object.entries(record).flatMap(([name, value]) => {
    if (isListOfThings(value)) return [[prefix + name, value] as const];
    return isJsonObject(value) ? listsOf(value, `${prefix}${name}.`) : [];
  });
}

function columnsOf(rows: readonly Row[]): readonly Column[] {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  // By function: a member's name may have a dot in it.
  return names.map((name) => ({ title: printable(name), value: (row) => row[name] }));
}

const good = new Set(['active', 'published', 'allowed', 'ok', 'open', 'ready', 'closed', 'accepted']);
const bad = new Set([
  'suspended',
  'disabled',
  'refused',
  'revoked',
  'cancelled',
  'failed',
  'down',
  'retired',
  'rejected',
]);
const between = new Set(['draft', 'pending', 'draining', 'warning', 'closing', 'skipped']);

function paintState(text: string, colors: Colors): string {
  if (good.has(text)) return colors.green(text);
  if (bad.has(text)) return colors.red(text);
  return between.has(text) ? colors.yellow(text) : text;
}
