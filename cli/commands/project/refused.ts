import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import { refusedPrefix } from '../../arguments/refused-flags.js';

/** A command of docker compose that is refused with a reason, whatever its arguments. */
function refusedCommand(name: string, reason: string): Command {
  return new Command(name)
    .description(`${refusedPrefix}${reason}`)
    .argument('[args...]')
    .allowUnknownOption()
    .action(() => {
      throw new AppError('unsupported', `${name}: ${refusedPrefix}${reason}`);
    });
}

export function publishCommand(): Command {
  return refusedCommand(
    'publish',
    'projects are not read from registries; share the output of "shoal config", and images with "shoal push"',
  );
}

export function bridgeCommand(): Command {
  return refusedCommand(
    'bridge',
    'it converts files and needs no cluster; run "docker compose bridge" on the same files',
  );
}
