/** `npm run docs`: writes the pages that are made from the code. A test fails when they are out of date. */
import { writeFileSync } from 'node:fs';
import { documents, pages } from './docs/pages.ts';

for (const { path, make } of [...pages, ...documents]) {
  writeFileSync(path, make());
  console.log(path);
}
