import { Option } from 'commander';
import type { Command } from 'commander';
import { AppError } from '../manager/common/base/errors.js';
import type { Cli } from './cli.js';

export const dryRunText = 'show what would change, change nothing';

/** The environment of a command that becomes a dry run when the command's own flag is parsed. */
export interface Plans {
  readonly cli: Cli;
  readonly enable: () => void;
}

/** Wraps the environment, so that in a dry run no changing call leaves this program. */
export function plansOf(given: Cli): Plans {
  let options = given.options;
  const enable = (): void => {
    options = { ...options, dryRun: true };
  };
  if (options.dryRun === true) enable();
  const cli: Cli = {
    ...given,
    get options() {
      return options;
    },
    connect: async (how = {}) => {
      if (options.dryRun !== true) return given.connect(how);
      const { DryRunClient } = await import('./client/dry-run.js');
      // A dry run starts no local cluster either.
      return new DryRunClient(await given.connect({ ...how, startLocal: false }), (text) => {
        given.stdout.write(text);
      });
    },
  };
  return { cli, enable };
}

/**
 * Adds `--dry-run` to the command or to each of its subcommands; a command that does not support it
 * refuses the global flag.
 */
export function addDryRun(
  command: Command,
  { name, dryRun: isSupported = false }: { readonly name: string; readonly dryRun?: boolean },
  { cli, enable }: Plans,
): void {
  for (const leaf of leavesOf(command)) {
    if (isSupported) leaf.addOption(new Option('--dry-run', dryRunText));
    leaf.hook('preAction', () => {
      if (leaf.opts<{ dryRun?: boolean }>().dryRun === true) enable();
      if (cli.options.dryRun !== true || isSupported) return;
      throw new AppError(
        'unsupported',
        `${name}: --dry-run is not supported: the command acts on machines or files of this computer; nothing was changed`,
      );
    });
  }
}

/** The commands that act: those without subcommands, and those with arguments of their own. */
function leavesOf(command: Command): readonly Command[] {
  const children = command.commands.flatMap(leavesOf);
  const acts = children.length === 0 || command.registeredArguments.length > 0;
  return acts ? [command, ...children] : children;
}
