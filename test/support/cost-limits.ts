import { readFile } from 'node:fs/promises';
import type { Units } from './dynamodb-meter.ts';

/** The upper bounds that docs/dynamodb.md promises, by what they are of. */
export async function documentedUnits(): Promise<ReadonlyMap<string, Units>> {
  const page = await readFile('docs/dynamodb.md', 'utf8');
  const [, table = ''] = page.split(/^\| what +\| write units \| read units \|$/m);
  const [rows = ''] = table.split('\n\n');
  return new Map(
    [...rows.matchAll(/^\| ([a-z][^|]*?) +\| +([\d.]+) +\| +([\d.]+) +\|$/gm)].map(
      ([, name = '', write, read]) => [name, { write: Number(write), read: Number(read) }],
    ),
  );
}

/** The actions of a statement of the policy in docs/dynamodb.md. */
export async function documentedActions(sid: string): Promise<readonly string[]> {
  const page = await readFile('docs/dynamodb.md', 'utf8');
  const [, policy = ''] = /```json\n(\{[^`]*"Statement"[^`]*)```/.exec(page) ?? [];
  const { Statement } = JSON.parse(policy) as {
    readonly Statement: readonly { readonly Sid: string; readonly Action: readonly string[] }[];
  };
  return Statement.find((statement) => statement.Sid === sid)?.Action ?? [];
}
