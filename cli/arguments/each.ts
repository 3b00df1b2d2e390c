import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';
import { DryRunEnd } from '../output/dry-run-end.js';

/**
 * Runs `act` for each name in order and prints the names that succeeded; a dry run prints its plans
 * only. Continues after a failure;
 * at the end throws the only error, or one `invalid` error that joins the messages of all.
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
      if (error instanceof DryRunEnd) continue;
      errors.push(error);
    }
  }
  if (errors.length === 0) return;
  if (errors.length === 1) throw errors[0];
  const lines = errors.map(messageOf).join('; ');
  throw new AppError('invalid', lines);
}
