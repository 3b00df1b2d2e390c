import { AppError } from '../../manager/common/base/errors.js';

/** Validates a network or volume name by the engine's rule; throws `invalid`. */
export function checkName(kind: string, name: string): void {
  if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/u.test(name)) return;
  throw new AppError(
    'invalid',
    `invalid ${kind} name "${name}": use letters, digits, _ . and -, starting with a letter or digit`,
  );
}
