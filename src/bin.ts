#!/usr/bin/env node
import { runCli } from './cli/index.ts';

// A reader that goes away (`| head`) is reported by the write itself; left alone, the event would end the process with a stack.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => undefined);

process.exitCode = await runCli(process.argv, {
  // Loaded by the one command that needs it: the others start in half the time.
  createBroker: async (config) => (await import('./main.ts')).createBroker(config),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
