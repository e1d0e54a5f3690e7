#!/usr/bin/env node
import { runCli } from './cli/index.ts';

process.exitCode = await runCli(process.argv, {
  // Most commands only call a broker that runs elsewhere: they need not wait for all of its parts to load.
  createBroker: async (config) => (await import('./main.ts')).createBroker(config),
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
