import { readFileSync } from 'node:fs';
import { catalogue } from '../src/events/catalogue.ts';
import { eventTypes, jsonSchemaOf } from '../src/events/json-schema.ts';

export const eventsDirectory = 'docs/events';

/** What the directory holds, by file name. */
export function eventDocuments(): ReadonlyMap<string, string> {
  const schemas = eventTypes.map(
    (type) => [`${type}.json`, `${JSON.stringify(jsonSchemaOf(type), null, 2)}\n`] as const,
  );
  return new Map([
    ...schemas,
    ['README.md', withTable(readFileSync(`${eventsDirectory}/README.md`, 'utf8'))],
  ]);
}

function withTable(text: string): string {
  const section = /(<!-- events -->\n)[^]*(<!-- end of events -->)/;
  if (!section.test(text)) throw new Error('docs/events/README.md has no place for the table');
  return text.replace(section, (_, start: string, end: string) => `${start}\n${table()}\n${end}`);
}

function table(): string {
  const rows = [
    ['`detail-type`', 'what has happened', 'subject'],
    ...eventTypes.map((type) => [
      `[\`${type}\`](${type}.json)`,
      catalogue[type].summary,
      `\`${subjectOf(type)}\``,
    ]),
  ];
  const widths = [0, 1, 2].map((at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  const line = (cells: readonly string[], fill = ' ') =>
    `| ${cells.map((cell, at) => cell.padEnd(widths[at] ?? 0, fill)).join(' | ')} |\n`;
  const [heading = [], ...body] = rows;
  return line(heading) + line(['', '', ''], '-') + body.map((row) => line(row)).join('');
}

/** The subject with the names of members where their values would be. */
function subjectOf(type: (typeof eventTypes)[number]): string {
  const { data, subject }: { data: { shape: object }; subject: (data: never) => string } = catalogue[type];
  const names = Object.fromEntries(Object.keys(data.shape).map((name) => [name, `{${name}}`]));
  return subject(names as never);
}
