import { type Check, fail, ok } from './check.ts';

/** `range` is package.json's `>=x.y`. */
export function checkNode(version: string, range: string): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [neededMajor = 0, neededMinor = 0] = range.replace('>=', '').split('.').map(Number);
  const isEnough = major > neededMajor || (major === neededMajor && minor >= neededMinor);
  const needed = `${neededMajor}.${neededMinor} or newer is needed`;
  return isEnough
    ? ok('node', `${version} (${needed})`)
    : fail('node', `${version}, but ${needed}`, 'Install a newer Node: https://nodejs.org/en/download');
}
