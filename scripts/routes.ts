/** `npm run routes`: METHOD path -> the file that handles it. */
import { readdirSync, readFileSync } from 'node:fs';

const route = /method: '([a-z]+)',\s*path: ['`]([^'`]+)['`]/g;
const files = readdirSync('src', { recursive: true, encoding: 'utf8' }).filter((file) =>
  file.endsWith('.ts'),
);

const lines = files.flatMap((file) =>
  [...readFileSync(`src/${file}`, 'utf8').matchAll(route)].map(([, method = '', path = '']) => ({
    method,
    path,
    file,
  })),
);
for (const { method, path, file } of lines.toSorted((a, b) => (a.path < b.path ? -1 : 1)))
  console.log(`${method.toUpperCase().padEnd(7)}${path} -> src/${file}`);
