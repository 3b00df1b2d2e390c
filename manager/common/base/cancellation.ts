import type { Clock } from './clock.js';

/** Resolves after the delay, or early when `signal` aborts. */
export function pause(clock: Clock, delayMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      cancel();
      signal.removeEventListener('abort', finish);
      resolve();
    };
    const cancel = clock.after(delayMs, finish);
    signal.addEventListener('abort', finish, { once: true });
  });
}

/**
 * Resolves with the result of `work`, or rejects with the signal's reason as soon as it aborts; a
 * later result is dropped.
 */
export async function untilAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal,
): Promise<Result> {
  work.catch(() => undefined);
  signal.throwIfAborted();
  let stop: () => void = () => undefined;
  const aborted = new Promise<never>((_resolve, reject) => {
    const onAbort = (): void => {
      reject(signal.reason as Error);
    };
    signal.addEventListener('abort', onAbort, { once: true });
    stop = () => {
      signal.removeEventListener('abort', onAbort);
    };
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    stop();
  }
}

export interface Deadline {
  readonly clock: Clock;
  readonly limitMs: number;
  /** The caller's signal, which cancels the work earlier. */
  readonly signal: AbortSignal;
  /** The error of work that fails after its deadline. */
  readonly late: () => Error;
}

/**
 * Runs `work` with a signal that aborts after `limitMs` or with the caller's signal. Work that then
 * fails rejects with the error of `late`, or with its own error if the caller has cancelled it.
 */
export async function withDeadline<Result>(
  { clock, limitMs, signal, late }: Deadline,
  work: (signal: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const deadline = new AbortController();
  const cancel = clock.after(limitMs, () => {
    deadline.abort();
  });
  try {
    return await work(AbortSignal.any([signal, deadline.signal]));
  } catch (error) {
    throw deadline.signal.aborted && !signal.aborted ? late() : error;
  } finally {
    cancel();
  }
}

/** A promise that is settled from outside. */
export interface Deferred<Result> {
  readonly promise: Promise<Result>;
  resolve(result: Result): void;
  reject(error: unknown): void;
}

export function deferred<Result>(): Deferred<Result> {
  let resolve: (result: Result) => void = () => undefined;
  let reject: (error: unknown) => void = () => undefined;
  const promise = new Promise<Result>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
