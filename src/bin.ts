#!/usr/bin/env node
import { runCli } from './cli/index.ts';

// A reader that goes away (`| head`) is reported by the write itself; left alone, the event would end the process with a stack.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await runCli(process.argv, {
  // Most commands only call a broker that runs elsewhere: they need not wait for all of its parts to load.
  createBroker: async (config, parts) => (await import('./main.ts')).createBroker(config, parts),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
