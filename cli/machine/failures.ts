import { AppError, messageOf } from '../../manager/common/base/errors.js';

/** One error for a command that did several things: the only failure itself, or all in one line. */
export function joinFailures(failures: readonly unknown[], total: number): unknown {
  if (failures.length === 1) return failures[0];
  const details = failures.map(messageOf).join('; ');
  return new AppError(
    'unavailable',
    `${String(failures.length)} of ${String(total)} machines failed: ${details}`,
  );
}
