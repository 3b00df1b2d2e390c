/**
 * What went wrong, as far as a caller may care. Outward tables map it to HTTP status and exit code.
 */
export type ErrorKind =
  | 'invalid'
  | 'not-found'
  | 'conflict'
  | 'forbidden'
  | 'unavailable'
  | 'timeout'
  | 'unsupported'
  | 'cancelled'
  | 'internal';

export interface AppErrorOptions {
  /** More lines for a reader who wants them: what was run, what came back. */
  readonly detail?: string;
  readonly cause?: unknown;
}

const brand = Symbol.for('shoal.AppError');

/**
 * The one error class of the project. `message` is one lower-case line without a full stop that says
 * what, which, where and what to do. Subclass only when a caller needs more fields.
 */
export class AppError extends Error {
  readonly kind: ErrorKind;
  readonly detail: string | undefined;
  readonly [brand] = true;

  constructor(kind: ErrorKind, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'AppError';
    this.kind = kind;
    this.detail = options.detail;
  }

  /** Whether trying the same again later may succeed. */
  get temporary(): boolean {
    return this.kind === 'unavailable' || this.kind === 'timeout' || this.kind === 'conflict';
  }
}

export function isAppError(error: unknown): error is AppError {
  return typeof error === 'object' && error !== null && brand in error;
}

function isKind(error: unknown, kind: ErrorKind): boolean {
  return isAppError(error) && error.kind === kind;
}

export const isNotFound = (error: unknown): boolean => isKind(error, 'not-found');
export const isConflict = (error: unknown): boolean => isKind(error, 'conflict');
export const isCancelled = (error: unknown): boolean => isKind(error, 'cancelled');
export const isForbidden = (error: unknown): boolean => isKind(error, 'forbidden');
export const isUnavailable = (error: unknown): boolean => isKind(error, 'unavailable');

/** The one line to show for anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Turns anything thrown into an AppError, keeping one that already is. */
export function toAppError(error: unknown, kind: ErrorKind = 'internal'): AppError {
  return isAppError(error) ? error : new AppError(kind, messageOf(error), { cause: error });
}

/** This process is no part of the cluster any more: its node was removed. No trying again helps. */
export class RemovedError extends AppError {
  constructor(message: string) {
    super('forbidden', message);
    this.name = 'RemovedError';
  }
}
