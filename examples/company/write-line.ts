/** Standard output is for programs: one JSON object a line. What people read goes to standard error. */
export function writeLine(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}
