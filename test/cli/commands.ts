import type { Command } from 'commander';

/** Every command that does something, and the groups that hold them. */
export function commandsOf(command: Command): readonly Command[] {
  return [command, ...command.commands.flatMap((child) => commandsOf(child))];
}

export function leavesOf(program: Command): readonly Command[] {
  return commandsOf(program).filter(({ commands }) => commands.length === 0);
}

/** `agents register` */
export function nameOf(command: Command): string {
  const parent = command.parent;
  return parent === null || parent.parent === null ? command.name() : `${nameOf(parent)} ${command.name()}`;
}

/**
 * A shell's words, up to where another program or a file takes over (`|`, `>`, `<`): quotes are taken off, a line that ends with `\`
 * goes on.
 */
export function words(line: string): readonly string[] {
  const [own = ''] = line.replaceAll('\\\n', ' ').split(/\s[|<>]+(?=\s)/);
  return [...own.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
    ([, double, single, plain]) => double ?? single ?? plain ?? '',
  );
}
