import type { Command } from 'commander';
import { Option } from 'commander';
import { AppError } from '../../manager/common/base/errors.js';

/** A flag of docker compose that has no counterpart here. */
export interface RefusedFlag {
  /** As in commander, for example `--builder <name>`. */
  readonly flags: string;
  /** Completes the sentence "not supported: …". */
  readonly reason: string;
  /** Values that equal the behaviour here and are accepted. */
  readonly accepted?: readonly string[];
}

/** Start of the description of a refused flag or command in the help. */
export const refusedPrefix = 'not supported: ';

/**
 * Adds flags that the help lists with the reason why they are refused; using one throws
 * `unsupported`. A refused switch accepts `--flag=false`.
 */
export function refuseFlags(command: Command, refused: readonly RefusedFlag[]): Command {
  for (const { flags, reason, accepted = [] } of refused) {
    const option = new Option(flags, `${refusedPrefix}${reason}`);
    command.addOption(option).on(`option:${option.name()}`, (value: unknown) => {
      if (typeof value === 'string' && accepted.includes(value)) return;
      throw new AppError('unsupported', `${option.long ?? flags}: ${refusedPrefix}${reason}`);
    });
  }
  return command;
}
