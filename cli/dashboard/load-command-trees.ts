import type { Command } from 'commander';
import type { Cli } from '../cli.js';
import type { CliCommand, CommandTree } from './view-model/state/view.js';

function wordsOf(command: Command): CommandTree {
  return {
    flags: command.options.flatMap(({ long }) => long ?? []),
    children: Object.fromEntries(command.commands.map((child) => [child.name(), wordsOf(child)])),
  };
}

/** All commands with flags and subcommands; a command that fails to load has only its name. */
export async function loadCommandTrees(cli: Cli): Promise<readonly CliCommand[]> {
  return Promise.all(
    (cli.commands ?? []).map(async ({ name, summary, load }): Promise<CliCommand> => {
      const command = await load?.().then(
        (make) => make(cli),
        () => undefined,
      );
      return { name, summary, ...(command && { words: wordsOf(command) }) };
    }),
  );
}
