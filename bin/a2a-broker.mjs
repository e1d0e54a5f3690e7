#!/usr/bin/env node
// What npm links as `a2a-broker`: it is there before the program is compiled, and says so.
import { existsSync } from 'node:fs';

const program = new URL('../dist/bin.js', import.meta.url);
if (existsSync(program)) await import(program.href);
else {
  console.error('error The program is not compiled yet: run `npm run build` first.');
  process.exitCode = 1;
}
