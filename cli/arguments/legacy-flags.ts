import type { Command } from 'commander';
import { Option } from 'commander';

/**
 * Accepts flags that docker compose hides from its help and ignores, such as those of Compose V1.
 * They are hidden here as well.
 */
export function acceptLegacyFlags(command: Command, flags: readonly string[]): Command {
  for (const each of flags) command.addOption(new Option(each).hideHelp());
  return command;
}
