import { cliPage } from './cli-page.ts';
import { configurationPage } from './configuration-page.ts';
import { cedarSchema } from '../../src/policy/cedar-schema.ts';

/** Every page that is made from the code. */
export const pages = [
  { path: 'docs/cli.md', make: cliPage },
  { path: 'docs/configuration.md', make: configurationPage },
] as const;

/** What programs read. */
export const documents = [{ path: 'docs/policy/schema.cedarschema', make: () => cedarSchema }] as const;
