import type { Command } from 'commander';
import type { Cli } from '../../../cli/cli.js';
import { commandEntries } from '../../../cli/commands/registry.js';
import { globalOptions } from '../../../cli/global-options.js';
import { Interrupts } from '../../../cli/interrupts.js';
import { loadEntry } from '../../../cli/program.js';
import { FakeCluster } from '../fakes/fake-cluster.js';
import { TextBuffer } from './run-command.js';

export interface TreeCommand {
  /** For example `machine create`. */
  readonly path: string;
  readonly command: Command;
}

/** Loads every command and subcommand of the program. */
export async function allCommands(): Promise<readonly TreeCommand[]> {
  const cli: Cli = {
    options: globalOptions({}, {}),
    env: {},
    cwd: '/nowhere',
    stdin: process.stdin,
    stdout: new TextBuffer(),
    stderr: new TextBuffer(),
    interrupts: new Interrupts(() => undefined),
    now: () => Date.now(),
    commands: commandEntries,
    connect: () => Promise.resolve(new FakeCluster()),
  };
  const roots = await Promise.all(
    commandEntries.map(async (entry) => {
      const [command] = (await loadEntry(entry, cli)).commands;
      return command === undefined ? [] : withChildren(command, entry.name);
    }),
  );
  return roots.flat();
}

function withChildren(command: Command, path: string): readonly TreeCommand[] {
  const children = command.commands.flatMap((child) =>
    withChildren(child, `${path} ${child.name()}`),
  );
  return [{ path, command }, ...children];
}

/** The output of the command's `--help`. */
export function helpOf(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: (part) => {
      text += part;
    },
  });
  command.outputHelp();
  return text;
}
