import type { Colors } from '../output.ts';
import { printable } from '../table.ts';
import type { Check } from './check.ts';
import type { Setting } from './configuration.ts';

/** What `doctor --json` prints. */
export interface Report {
  /** Whether nothing failed; there may be warnings. */
  readonly ok: boolean;
  readonly configuration: readonly Setting[];
  readonly checks: readonly Check[];
}

/** The report for people. */
export function describeReport({ configuration, checks }: Report, colors: Colors): string {
  const paint = { ok: colors.green, warn: colors.yellow, fail: colors.red };
  const nameWidth = widthOf(configuration.map(({ name }) => name));
  const valueWidth = widthOf(configuration.map(({ value }) => printable(value)));
  const checkWidth = widthOf(checks.map(({ name }) => name));
  const settings = configuration.map(({ name, value, source }) => {
    const shown = printable(value).padEnd(valueWidth);
    return `  ${name.padEnd(nameWidth)}  ${shown}  ${colors.dim(source === 'unset' ? '' : source)}`.trimEnd();
  });
  const findings = checks.flatMap(({ name, status, message, advice = [] }) => [
    `  ${paint[status](status.padEnd(4))}  ${name.padEnd(checkWidth)}  ${printable(message)}`,
    ...advice.map((line) => `${' '.repeat(checkWidth + 10)}${colors.dim('→')} ${printable(line)}`),
  ]);
  return [
    colors.bold('Configuration'),
    ...settings,
    '',
    colors.bold('Checks'),
    ...findings,
    '',
    sumUp(checks),
    '',
  ].join('\n');
}

function sumUp(checks: Report['checks']): string {
  const count = (status: string) => checks.filter((check) => check.status === status).length;
  return `${count('ok')} ok, ${count('warn')} warn, ${count('fail')} fail`;
}

function widthOf(texts: readonly string[]): number {
  return Math.max(0, ...texts.map(({ length }) => length));
}
