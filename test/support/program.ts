import { join } from 'node:path';

export const builtProgramVariable = 'TEST_BUILD_DIRECTORY';

/** Arguments of node for the `a2a-broker` command: what was compiled for this test run, else the source itself. */
export function brokerProgram(): readonly string[] {
  const built = process.env[builtProgramVariable];
  return built === undefined ? ['--import', 'tsx', 'src/bin.ts'] : [join(built, 'bin.js')];
}
