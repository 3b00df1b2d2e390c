/**
 * Error category, the only part of an error that callers branch on. The transport server maps it to
 * an HTTP status, the CLI to an exit code.
 */
export type ErrorKind = (typeof errorKinds)[number];

export const errorKinds = [
  'invalid',
  'not-found',
  'conflict',
  'forbidden',
  'unavailable',
  'timeout',
  'unsupported',
  'cancelled',
  'internal',
] as const;

export interface AppErrorOptions {
  /** Further lines for diagnosis, such as the command that ran and its output. */
  readonly detail?: string;
  readonly cause?: unknown;
}

const brand = Symbol.for('shoal.AppError');

/**
 * Base class of all errors in the project. `message` is one lower-case line without a full stop:
 * the affected object, the problem, and the remedy. Subclass only when a caller needs more fields.
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

  /** Whether a later retry of the same request may succeed. */
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
export const isInvalid = (error: unknown): boolean => isKind(error, 'invalid');
export const isForbidden = (error: unknown): boolean => isKind(error, 'forbidden');
export const isUnavailable = (error: unknown): boolean => isKind(error, 'unavailable');

/** One-line message for any thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** Wraps any thrown value in an AppError of `kind`; an AppError is returned unchanged. */
export function toAppError(error: unknown, kind: ErrorKind = 'internal'): AppError {
  return isAppError(error) ? error : new AppError(kind, messageOf(error), { cause: error });
}

/**
 * Thrown when this process's node was removed from the cluster. Permanent: retries cannot succeed.
 */
export class NodeRemovedError extends AppError {
  constructor(message: string) {
    super('forbidden', message);
    this.name = 'NodeRemovedError';
  }
}
