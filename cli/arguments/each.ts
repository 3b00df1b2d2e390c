import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';

/**
 * Does something to each name, printing the name when it worked; what fails does not keep the others from
 * their turn. Throws the only error, or one that tells how many there were after a line for each.
 */
export async function forEachName(
  cli: Cli,
  names: readonly string[],
  act: (name: string) => Promise<unknown>,
): Promise<void> {
  const errors: unknown[] = [];
  for (const name of names) {
    try {
      await act(name);
      cli.stdout.write(`${name}\n`);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  const lines = errors.map(messageOf).join('; ');
  throw new AppError('invalid', lines);
}
