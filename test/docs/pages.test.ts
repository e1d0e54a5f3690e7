import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { documents, pages } from '../../scripts/docs/pages.ts';
import { exitCodes } from '../../src/cli/failure.ts';
import { createProgram } from '../../src/cli/index.ts';
import { variables } from '../../src/config/variables.ts';
import { leavesOf, nameOf } from '../cli/commands.ts';
import { Capture, ioOf } from '../cli/run.ts';

describe.each(pages)('$path', ({ path, make }) => {
  it('is what the code says now: if not, run `npm run docs`', async () => {
    expect(await readFile(path, 'utf8')).toBe(make());
  });

  it('links only to headings that it has', () => {
    const headings = [...make().matchAll(/^#+ (.*)$/gm)].map(([, title = '']) =>
      title.toLowerCase().replaceAll(' ', '-'),
    );
    const links = [...make().matchAll(/\]\(#([^)]*)\)/g)].map(([, anchor]) => anchor);
    expect(links.length).toBeGreaterThan(5);
    expect(links.filter((anchor) => !headings.includes(anchor ?? ''))).toEqual([]);
  });
});

it.each(documents)('$path is what the code says now: if not, run `npm run docs`', async ({ path, make }) => {
  expect(await readFile(path, 'utf8')).toBe(make());
});

it('names every variable, every command and every exit code', async () => {
  const [cli = '', configuration = ''] = await Promise.all(pages.map(({ path }) => readFile(path, 'utf8')));
  for (const { name } of variables) expect(configuration).toContain(`\n## ${name}\n`);
  const program = createProgram(ioOf(new Capture(), new Capture()));
  for (const command of leavesOf(program)) expect(cli).toMatch(new RegExp(`^#+ ${nameOf(command)}$`, 'm'));
  for (const { code, meaning } of Object.values(exitCodes)) {
    expect(cli).toContain(`| ${String(code).padEnd(4)} | ${meaning} `);
  }
});
