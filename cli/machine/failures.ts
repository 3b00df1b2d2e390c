import { AppError, messageOf } from '../../manager/common/base/errors.js';

/**
 * Combines the failures of a command on several machines: a single failure as is, several as one
 * `unavailable` error in one line.
 */
export function joinFailures(failures: readonly unknown[], total: number): unknown {
  if (failures.length === 1) return failures[0];
  const details = failures.map(messageOf).join('; ');
  return new AppError(
    'unavailable',
    `${String(failures.length)} of ${String(total)} machines failed: ${details}`,
  );
}
