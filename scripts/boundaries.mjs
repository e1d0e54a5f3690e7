/**
 * Checks the direction of imports. dependency-cruiser exits 0 when it cruised nothing (as it does without a parser for
 * this TypeScript), so the number of modules has a floor.
 */
import { cruise } from 'dependency-cruiser';
import configuration from '../.dependency-cruiser.mjs';

const floor = 220;

const { output } = await cruise(['src'], {
  ...configuration.options,
  ruleSet: configuration,
  validate: true,
});
const { summary } = output;

for (const violation of summary.violations)
  console.error(`${violation.rule.severity} ${violation.rule.name}: ${violation.from} -> ${violation.to}`);
console.log(`boundaries: ${summary.totalCruised} modules, ${summary.violations.length} violations`);
if (summary.totalCruised < floor) {
  console.error(`boundaries: fewer than ${floor} modules were seen; the check itself is broken`);
  process.exitCode = 1;
}
if (summary.error > 0) process.exitCode = 1;
