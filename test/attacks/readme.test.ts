import { readdir, readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';

it('the map of attacks has every file, and no other', async () => {
  const directory = new URL('.', import.meta.url);
  const files = (await readdir(directory)).filter(
    (name) => name.endsWith('.test.ts') && name !== 'readme.test.ts',
  );
  const readme = await readFile(new URL('README.md', directory), 'utf8');
  const mapped = [...readme.matchAll(/\]\(([\w-]+\.test\.ts)\)/g)].map(([, name = '']) => name);
  expect([...new Set(mapped)].toSorted()).toEqual(files.toSorted());
});
