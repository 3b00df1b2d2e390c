import type { Clock } from '../../manager/common/base/clock.js';
import { AppError, toAppError } from '../../manager/common/base/errors.js';

interface Waiting {
  readonly resolve: (answer: string) => void;
  readonly reject: (error: AppError) => void;
}

/** Requests to the manager that are in flight. All fail when `ended` aborts. */
export class PendingRequests {
  readonly #clock: Clock;
  readonly #ended: AbortSignal;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  constructor(clock: Clock, ended: AbortSignal) {
    this.#clock = clock;
    this.#ended = ended;
  }

  /**
   * Sends a request under a new id and resolves with the answer; fails as `timeout` with the
   * message `late` after the deadline.
   */
  ask(
    send: (requestId: number) => void,
    wait: { readonly deadlineMs: number; readonly late: string; readonly signal: AbortSignal },
  ): Promise<string> {
    this.#last += 1;
    const requestId = this.#last;
    const ending = AbortSignal.any([wait.signal, this.#ended]);
    return new Promise<string>((resolve, reject) => {
      const cleanUp = (): void => {
        cancelDeadline();
        ending.removeEventListener('abort', onAbort);
        this.#waiting.delete(requestId);
      };
      const fail = (error: AppError): void => {
        cleanUp();
        reject(error);
      };
      const onAbort = (): void => {
        fail(toAppError(ending.reason, 'cancelled'));
      };
      const cancelDeadline = this.#clock.after(wait.deadlineMs, () => {
        fail(new AppError('timeout', wait.late));
      });
      this.#waiting.set(requestId, {
        resolve: (answer) => {
          cleanUp();
          resolve(answer);
        },
        reject: fail,
      });
      ending.addEventListener('abort', onAbort, { once: true });
      if (ending.aborted) onAbort();
      else send(requestId);
    });
  }

  /** Handles the manager's answer; a late answer is dropped. */
  answered(message: {
    readonly requestId: number;
    readonly answer: string | undefined;
    readonly error?: Pick<AppError, 'kind' | 'message'> | undefined;
  }): void {
    const waiting = this.#waiting.get(message.requestId);
    if (message.error === undefined) waiting?.resolve(message.answer ?? '');
    else waiting?.reject(new AppError(message.error.kind, message.error.message));
  }
}
