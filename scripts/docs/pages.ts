import { cliPage } from './cli-page.ts';
import { configurationPage } from './configuration-page.ts';

/** Every page that is made from the code. */
export const pages = [
  { path: 'docs/cli.md', make: cliPage },
  { path: 'docs/configuration.md', make: configurationPage },
] as const;
