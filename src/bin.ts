#!/usr/bin/env node
import { runCli } from './cli/index.ts';
import { createBroker } from './main.ts';

// A reader that goes away (`| head`) is reported by the write itself; left alone, the event would end the process with a stack.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await runCli(process.argv, {
  createBroker,
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
