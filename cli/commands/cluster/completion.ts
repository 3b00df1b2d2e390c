import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { completionScripts } from '../../help/completion-scripts.js';

export function completionCommand(cli: Cli): Command {
  return new Command('completion')
    .description('Print the shell completion script for bash, zsh or fish')
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell: string) => {
      const script = completionScripts[shell];
      if (script === undefined) {
        throw new AppError('invalid', `unknown shell "${shell}": use bash, zsh or fish`);
      }
      cli.stdout.write(script);
    });
}
