import type { ErrorKind } from '../manager/common/base/errors.js';
import { AppError, isAppError } from '../manager/common/base/errors.js';

/**
 * Ends the program with a given exit code, such as a container's for `exec` and `--exit-code-from`.
 */
export class ExitError extends AppError {
  readonly code: number;

  constructor(code: number, message = '') {
    super('internal', message);
    this.name = 'ExitError';
    this.code = code;
  }
}

/** Exit code of an interrupted program by shell convention: 128 + SIGINT. */
export const interruptedCode = 130;

/**
 * EX_NOPERM of sysexits.h: the node was removed. systemd units do not restart a daemon with this
 * code.
 */
export const notPermittedCode = 77;

/**
 * Exit codes of docker compose: 1 for every error, bad usage included, and 130 for an interrupt.
 */
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
