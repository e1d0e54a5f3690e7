/**
 * `npm run bench -- token-exchange|policy|relay|ingest|store|growth [--json]`: what the broker does in a second, and the ratio to a limit that was
 * measured in the same run on the same machine. Absolute figures are of this machine and this minute; the ratio travels.
 */
import { growth } from './growth.ts';
import { ingest } from './ingest.ts';
import type { Measure } from './measure.ts';
import { policy } from './policy.ts';
import { relay } from './relay.ts';
import { store } from './store.ts';
import { tokenExchange } from './token-exchange.ts';

const benches: Readonly<Record<string, () => Promise<readonly Measure[]>>> = {
  'token-exchange': tokenExchange,
  policy,
  relay,
  ingest,
  store,
  growth,
};

const names = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));
const asJson = process.argv.includes('--json');
const unknown = names.filter((name) => !Object.hasOwn(benches, name));
if (names.length === 0 || unknown.length > 0) {
  console.error(`Usage: npm run bench -- ${Object.keys(benches).join('|')} [--json]`);
  process.exit(2);
}

for (const name of names)
  for (const measure of (await benches[name]?.()) ?? [])
    console.log(asJson ? JSON.stringify(measure) : row(measure));

function row({ name, value, unit, limit, ratio }: Measure): string {
  const number = (figure: number) => figure.toLocaleString('en', { maximumFractionDigits: 2 });
  const against =
    limit === null
      ? ''
      : `  limit ${number(limit).padStart(10)}  ratio ${ratio === null ? '-' : ratio.toFixed(2)}`;
  return `${name.padEnd(44)}${number(value).padStart(12)} ${unit.padEnd(12)}${against}`;
}
