import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { AuditRecord } from '../../src/audit/index.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { operatorCli } from './run.ts';

describe('audit export and verify', () => {
  let broker: RunningBroker;
  let directory: string;
  let entries: AuditRecord[];
  const cli = (...argv: string[]) => operatorCli(broker)(argv);

  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'audit-cli-'));
    broker = await runBroker();
    for (const id of ['acme', 'globex', 'initech'])
      await cli('tenants', 'create', '--id', id, '--name', id, '--tier', 'standard');
    const { out } = await cli('audit', 'export');
    entries = out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as AuditRecord);
  });
  afterAll(async () => {
    await broker.close();
    await rm(directory, { recursive: true, force: true });
  });

  async function copy(name: string, kept: readonly unknown[]): Promise<string> {
    const path = join(directory, name);
    await writeFile(path, kept.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    return path;
  }

  it('finds the log of a running broker, and its copy, as they were written', async () => {
    expect(entries.length).toBeGreaterThanOrEqual(3);
    for (const from of [[], ['--from', await copy('whole.jsonl', entries)]]) {
      const { code, out } = await cli('audit', 'verify', ...from);
      expect([code, out]).toEqual([0, expect.stringContaining('all as they were written')]);
    }
  });

  it('says which entry was changed, and which is missing, with exit code 1', async () => {
    const changed = entries.map((entry) =>
      entry.chain?.seq === 2 ? { ...entry, tenant: 'somebody-else' } : entry,
    );
    const altered = await cli('audit', 'verify', '--from', await copy('changed.jsonl', changed));
    expect(altered.code).toBe(1);
    expect(altered.out).toMatch(new RegExp(`^altered {2}log_\\w+ 2 {2}${entries[1]?.id}$`, 'm'));
    expect(altered.err).toContain('not as it was written');
    const without = entries.filter(({ chain }) => chain?.seq !== 2);
    const { code, out } = await cli('audit', 'verify', '--json', '--from', await copy('less.jsonl', without));
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ problems: [{ kind: 'missing', seq: 2 }] });
  });

  it('holds a head that was noted down against a log that was cut short', async () => {
    const { out } = await cli('audit', 'verify');
    const head = /^head (\S+)$/m.exec(out)?.[1] ?? '';
    expect((await cli('audit', 'verify', '--head', head)).code).toBe(0);
    const short = await copy('short.jsonl', entries.slice(0, -1));
    expect((await cli('audit', 'verify', '--from', short)).code).toBe(0);
    const held = await cli('audit', 'verify', '--from', short, '--head', head);
    expect([held.code, held.out]).toEqual([1, expect.stringContaining('missing')]);
  });

  it('says what is wrong with what it is given', async () => {
    const { code, err } = await cli('audit', 'verify', '--head', 'nonsense');
    expect([code, err]).toEqual([2, expect.stringContaining('log:seq:hash was expected')]);
    const missing = await cli('audit', 'verify', '--from', join(directory, 'none.jsonl'));
    expect([missing.code, missing.err]).toEqual([2, expect.stringContaining('there is no such file')]);
    await writeFile(join(directory, 'text.jsonl'), 'hello\n');
    const text = await cli('audit', 'verify', '--from', join(directory, 'text.jsonl'));
    expect([text.code, text.err]).toEqual([2, expect.stringContaining('line 1: not an entry')]);
  });

  it('never shows the chain to a reader of the list: it would count what others do', async () => {
    const { out } = await cli('audit', 'list', '--json');
    expect(out).not.toContain('"chain"');
  });
});
