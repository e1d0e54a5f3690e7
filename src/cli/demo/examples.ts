import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Failure } from '../failure.ts';
import type { CliIo } from '../io.ts';

/** Where the companies' programs are, and what runs them. */
export interface Examples {
  /** Of this package. */
  readonly root: string;
  /** For `node --import`. */
  readonly loader: string;
  readonly env: Readonly<Record<string, string>>;
}

/** The same from src/cli/demo and from dist/cli/demo. */
export const packageRoot = fileURLToPath(new URL('../../../', import.meta.url));

const neededFiles = ['examples/company/run-company.ts', 'src/kit/index.ts'];
const neededPackages = ['tsx', 'express', 'oidc-provider', 'openid-client'];
/** Nothing of the broker's secrets, nor anything else that our environment says, reaches another company. */
const passedOn = ['PATH', 'HOME', 'TMPDIR', 'TMP', 'TEMP', 'SYSTEMROOT', 'LANG'];

/** Throws `failed` where only the package is installed: the examples are TypeScript, and run from its sources. */
export function findExamples(env: CliIo['env'], root = packageRoot): Examples {
  const missing = [
    ...neededFiles.filter((path) => !existsSync(join(root, path))),
    ...neededPackages.filter((name) => locate(name) === undefined),
  ];
  const loader = locate('tsx');
  if (missing.length > 0 || loader === undefined)
    throw new Failure(
      'failed',
      `The demo runs from a clone of the repository with its development packages; there is no ${missing.join(', no ')} here.`,
      { hints: ['In a clone: npm ci && npm run demo'] },
    );
  const kept = passedOn.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]] as const]));
  return { root, loader, env: Object.fromEntries(kept) };
}

function locate(name: string): string | undefined {
  try {
    return import.meta.resolve(name);
  } catch {
    return undefined;
  }
}
