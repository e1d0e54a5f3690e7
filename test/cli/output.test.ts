import fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import { printable } from '../../src/cli/table.ts';
import { runBroker, type RunningBroker } from '../support/broker-in-process.ts';
import { call } from '../support/market.ts';
import { type Outcome, operatorCli, type Setting } from './run.ts';

let broker: RunningBroker;
let run: (args: readonly string[], setting?: Setting) => Promise<Outcome>;

const count = 7;
const hostile = 'Sky\u001b[31m\u009b2Jways\u202e\r\nrm\u0007\u200b';

beforeAll(async () => {
  broker = await runBroker();
  run = operatorCli(broker);
  for (let n = 0; n < count; n++)
    await call(broker, 'POST', '/v1/tenants', { id: `t${n}`, name: `Tenant ${n}`, tier: 'standard' });
  await call(broker, 'POST', '/v1/tenants/t0/suspend', { reason: 'test' });
  await call(broker, 'POST', '/v1/providers', { id: 'skyways', name: hostile });
  await call(broker, 'POST', '/v1/providers', { id: 'wide', name: '東京旅行 ✈️' });
});
afterEach(() => vi.restoreAllMocks());
afterAll(() => broker.close());

async function raw(path: string): Promise<string> {
  const response = await fetch(`${broker.url}${path}`, {
    headers: { authorization: `Bearer ${broker.token}` },
  });
  return response.text();
}

describe('a table', () => {
  it('has a heading, aligned columns, and none that is empty', async () => {
    const { out, err } = await run(['tenants', 'list']);
    const [heading = '', ...rows] = out.trimEnd().split('\n');
    expect(heading).toMatch(/^ID {2}NAME {6}TIER {6}STATUS {5}SINCE$/);
    expect(rows).toHaveLength(count);
    for (const row of rows) expect(row.indexOf('standard')).toBe(heading.indexOf('TIER'));
    expect(err).toBe('');
  });

  it('says on standard error that there is nothing, so that a script reads nothing', async () => {
    expect(await run(['agreements', 'list'])).toEqual({ code: 0, out: '', err: 'There is nothing.\n' });
  });

  it('keeps its columns where letters take two cells', async () => {
    const { out } = await run(['providers', 'list']);
    const line = out.split('\n').find((row) => row.startsWith('wide')) ?? '';
    expect(line).toMatch(/^wide {5}東京旅行 ✈/);
  });
});

describe('--json', () => {
  it.each([
    ['a list', ['tenants', 'list'], '/v1/tenants'],
    ['a page', ['tenants', 'list', '--limit', '3'], '/v1/tenants?limit=3'],
    ['one thing', ['tenants', 'show', 't1'], '/v1/tenants/t1'],
    ['hostile names', ['providers', 'show', 'skyways'], '/v1/providers/skyways'],
    ['nothing', ['agreements', 'list'], '/v1/agreements'],
  ])('prints %s to the letter as the broker sent it, and a line end', async (_, args, path) => {
    const outcome = await run([...args, '--json']);
    const sent = `${await raw(path)}\n`;
    expect({ ...outcome, out: anyCursor(outcome.out) }).toEqual({ code: 0, out: anyCursor(sent), err: '' });
  });
});

describe('paging', () => {
  it('stops after a page, and says how to go on', async () => {
    const first = await run(['tenants', 'list', '--limit', '3']);
    expect(first.out.trimEnd().split('\n')).toHaveLength(4);
    const [, cursor = ''] = /--all, or --cursor (\S+)\n$/.exec(first.err) ?? [];
    const second = await run(['tenants', 'list', '--limit', '100', '--cursor', cursor]);
    expect(second.out).toMatch(/^ID.*\nt3 /);
    expect(second.err).toBe('');
  });

  it.each(['1', '3', '7', '200'])('with --all brings each item once, %s at a time', async (limit) => {
    const table = await run(['tenants', 'list', '--all', '--limit', limit]);
    const ids = Array.from({ length: count }, (_, n) => `t${n}`);
    expect(
      table.out
        .trimEnd()
        .split('\n')
        .slice(1)
        .map((row) => row.split(' ')[0]),
    ).toEqual(ids);
    const json = await run(['tenants', 'list', '--all', '--limit', limit, '--json']);
    const { items } = JSON.parse(json.out) as { items: unknown[] };
    expect(items).toEqual((JSON.parse(await raw('/v1/tenants')) as { items: unknown[] }).items);
  });

  it('with --all --json prints a whole document also when there is nothing', async () => {
    expect((await run(['agreements', 'list', '--all', '--json'])).out).toBe('{"items":[]}\n');
  });
});

describe('words of others', () => {
  it.each([[['providers', 'list']], [['providers', 'show', 'skyways']]])(
    'cannot move the cursor, colour the screen or hide in %j',
    async (args) => {
      const { out } = await run(args);
      expect(out).toContain('Sky\\u{1b}[31m\\u{9b}2Jways\\u{202e} rm\\u{7}\\u{200b}');
    },
  );

  it('cannot do so in an error either: the broker’s, or one about what was typed', async () => {
    vi.spyOn(globalThis, 'fetch').mockImplementation(() =>
      Promise.resolve(
        Response.json(
          { code: 'conflict', detail: hostile, errors: [{ path: hostile, message: 'x' }] },
          { status: 409 },
        ),
      ),
    );
    for (const args of [
      ['tenants', 'list'],
      ['agents', hostile],
      ['help', hostile],
    ]) {
      const { err } = await run(args);
      expect(err).toContain('Sky\\u{1b}[31m\\u{9b}2Jways\\u{202e}');
      // oxlint-disable-next-line no-control-regex -- that is what must not be there
      expect(err).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e\u200b]/);
    }
  });

  it('are one visible line, whatever they are', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        expect(printable(text)).not.toMatch(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      }),
    );
  });
});

describe('colour', () => {
  const escape = '\u001b[';

  it('is on a terminal alone: states, headings, errors, help', async () => {
    expect((await run(['tenants', 'list'], { tty: true })).out).toContain(`${escape}31msuspended`);
    expect((await run(['tenants', 'show', 'nobody'], { tty: true })).err).toContain(`${escape}31merror`);
    expect((await run(['tenants', 'list', '--help'], { tty: true })).out).toContain(`${escape}1mUsage:`);
    for (const args of [
      ['tenants', 'list'],
      ['tenants', 'show', 'nobody'],
      ['tenants', '--help'],
    ]) {
      const { out, err } = await run(args);
      expect(out + err).not.toContain(escape);
    }
  });

  it.each([{ NO_COLOR: '1' }, { TERM: 'dumb' }])('is not against %j', async (env) => {
    for (const args of [
      ['tenants', 'list'],
      ['tenants', 'show', 'nobody'],
      ['tenants', '--help'],
      ['tenants'],
    ]) {
      const { out, err } = await run(args, { tty: true, env });
      expect(out + err).not.toContain(escape);
    }
  });

  it('is never in JSON', async () => {
    expect((await run(['tenants', 'list', '--json'], { tty: true })).out).not.toContain(escape);
    expect((await run(['tenants', 'show', 'nobody', '--json'], { tty: true })).err).not.toContain(escape);
  });
});

/** A cursor is another one each time, although it leads to the same place. */
function anyCursor(text: string): string {
  return text.replace(/(?<="nextCursor":")[\w-]+/, '…');
}
