#!/usr/bin/env node
import { runCli } from './cli/index.ts';
import { createBroker } from './main.ts';

process.exitCode = await runCli(process.argv, {
  createBroker,
  env: process.env,
  stdout: process.stdout,
  stderr: process.stderr,
});
