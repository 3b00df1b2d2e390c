import type { ErrorKind } from '../manager/common/base/errors.js';
import { AppError, isAppError } from '../manager/common/base/errors.js';

/** Ends the program with a code that is not ours to choose, as of `exec` and `--exit-code-from`. */
export class ExitError extends AppError {
  readonly code: number;

  constructor(code: number, message = '') {
    super('internal', message);
    this.name = 'ExitError';
    this.code = code;
  }
}

/** What a shell shows for a program that was interrupted: 128 + SIGINT. */
export const interruptedCode = 130;

/** EX_NOPERM of sysexits.h: a daemon that must not run here. Units are told not to start it again. */
export const notPermittedCode = 77;

/** docker compose knows 1 for whatever went wrong, bad usage included, and 130 for an interrupt. */
const codes: Readonly<Record<ErrorKind, number>> = {
  invalid: 1,
  'not-found': 1,
  conflict: 1,
  forbidden: 1,
  unavailable: 1,
  timeout: 1,
  unsupported: 1,
  cancelled: interruptedCode,
  internal: 1,
};

export function exitCodeOf(error: unknown): number {
  if (error instanceof ExitError) return error.code;
  return isAppError(error) ? codes[error.kind] : 1;
}
