import { asText, isJsonObject, type JsonObject, parseJson } from '../../kernel/json.ts';
import type { Colors } from '../output.ts';
import { formatTable, printable } from '../table.ts';
import { cells, section, tableLines, width, wrap } from './layout.ts';
import type { HopLine, Streamed } from './lines.ts';
import { acme, globex } from './parties.ts';
import type { Story } from './story.ts';

type Told = Pick<Story, 'asked' | 'isolation' | 'programs' | 'place'>;

/** Who called whom, on whose behalf, what was streamed, and what another tenant gets. */
export function printCalls({ asked, isolation, programs, place }: Told, colors: Colors): string {
  const streamers = new Set(asked.streamed.map(({ from }) => from));
  const issuer = programs.tenants.find(({ id }) => id === acme.id)?.ready.issuer ?? '';
  return [
    section(
      'Who called whom',
      [
        `${colors.bold(acme.user)} of ${acme.name} signs in at ${acme.name}’s own identity provider, ${colors.cyan(issuer)},`,
        `and asks: ${colors.bold(`“${printable(asked.text)}”`)}`,
        '',
        ...tree(asked.hops, streamers, colors),
        '',
        ...answerOf(asked.booking),
      ],
      colors,
    ),
    section(
      'The tenant context at each hop',
      contextLines({ asked, isolation, programs, place }, colors),
      colors,
    ),
    section(
      `The stream of ${[...streamers].join(', ')}, as its caller got it through the broker`,
      tableLines(streamTable(asked.streamed, colors)),
      colors,
    ),
    section(
      'What another tenant gets',
      [
        ...wrap(
          `${globex.user} of ${globex.name} is signed in, and ${globex.name} subscribes to the same agent. The task’s id is known:`,
          width - 2,
        ),
        '',
        `${globex.name.padEnd(8)} GetTask ${isolation.taskId}   ${colors.red(isolation.code)}`,
        `${acme.name.padEnd(8)} GetTask ${isolation.taskId}   ${colors.green(isolation.ownerSees)}`,
      ],
      colors,
    ),
  ].join('\n');
}

/** Each call one step further in. */
function tree(hops: readonly HopLine[], streamers: ReadonlySet<string>, colors: Colors): readonly string[] {
  return [
    `${acme.user}, in the app of ${acme.name}`,
    ...hops.map(({ hop, actors }, index) => {
      const caller = printable(actors[0]?.clientId ?? actors[0]?.subject ?? '');
      const streams = streamers.has(hop.agent) ? colors.dim('   and follows its stream') : '';
      const arrow = colors.dim('→');
      return `${cells(`${'   '.repeat(index)}└─ ${caller}`, 28)} ${arrow} ${colors.bold(hop.agent)}${streams}`;
    }),
  ];
}

function answerOf(booking: JsonObject): readonly string[] {
  const payment = booking['payment'];
  const authorisation = isJsonObject(payment) ? asText(payment['authorisation']) : '';
  const [flight, departs, price, currency] = ['flight', 'departs', 'price', 'currency'].map((name) =>
    asText(booking[name]),
  );
  return [
    `The answer: flight ${flight}, ${departs?.replace('T', ' at ')}, for ${price} ${currency};`,
    `Northpay’s authorisation ${authorisation}.`,
  ].map(printable);
}

/** The same tenant and transaction all along; at each provider another name for the tenant and another one for the user. */
function contextLines({ asked: { hops }, programs, place }: Told, colors: Colors): readonly string[] {
  const table = formatTable(
    [
      { title: 'HOP', value: 'hop', alignRight: true },
      { title: 'AGENT', value: 'agent' },
      { title: 'TENANT', value: 'tenant' },
      { title: 'KNOWN THERE AS', value: 'audTenant' },
      { title: `${acme.user.toUpperCase()} IS (PAIRWISE)`, value: 'sub' },
    ],
    hops.map(({ hop }, index) => ({ ...hop, hop: index + 1 })),
    colors,
  );
  const issuers = new Map([
    [place.brokerUrl, 'the broker'],
    ...programs.companies.map(({ name, ready }) => [ready.register.issuer.issuer, name] as const),
  ]);
  return [
    ...tableLines(table),
    '',
    colors.dim('Who acts for the user. The chain grows by the caller at each hop:'),
    ...hops.map(({ hop, actors }) => {
      const chain = actors.map(({ subject }) => printable(subject)).toReversed();
      return `${cells(hop.agent, 19)}${chain.join(colors.dim(' › '))}`;
    }),
    '',
    colors.dim('Who says so:'),
    ...(hops.at(-1)?.actors ?? []).toReversed().map(({ subject, issuer }) => {
      const who = issuers.get(issuer) ?? 'somebody else';
      return `${cells(printable(subject), 19)}${cells(who, 18)}${colors.cyan(printable(issuer))}`;
    }),
    '',
    `${cells('transaction', 19)}${hops[0]?.hop.txn ?? ''}, the same at every hop`,
  ];
}

function streamTable(streamed: readonly Streamed[], colors: Colors): string {
  return formatTable(
    [
      { title: 'AFTER', value: 'after', alignRight: true },
      { title: 'EVENT', value: 'event' },
      { title: 'WHAT', value: 'what' },
      { title: '', value: 'text' },
    ],
    streamed.map(({ afterMs, event, what, text }) => ({
      after: `${afterMs} ms`,
      event: printable(event),
      what: what.replace(/^TASK_STATE_/, '').toLowerCase(),
      text: shorten(wordsOf(text), width - 42),
    })),
    colors,
  );
}

/** The values of a structured part, without what is nested in it. */
function wordsOf(text: string): string {
  const value = parseJson(text);
  if (!isJsonObject(value)) return text;
  return Object.values(value)
    .filter((member) => typeof member === 'string' || typeof member === 'number')
    .join('  ');
}

function shorten(text: string, columns: number): string {
  return cells(printable(text), columns).trimEnd();
}
