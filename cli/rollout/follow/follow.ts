import { backoffMs } from '../../../manager/common/base/backoff.js';
import { AppError, isAppError, toAppError } from '../../../manager/common/base/errors.js';
import type { ControlClient } from '../../client/client.js';
import { streamWatch } from '../../client/stream.js';
import type { WatchedState } from '../../client/watched.js';
import { applyWatch, emptyWatchedState } from '../../client/watched.js';
import type { ProgressWriter } from '../../output/progress.js';
import type { WaitStatus } from './wait-status.js';

/** Reads `aborted` again; TypeScript keeps the narrowed value across an `await`. */
function isOver(signal: AbortSignal): boolean {
  return signal.aborted;
}

export interface FollowOptions {
  readonly client: ControlClient;
  /** Undefined for all projects. */
  readonly project?: string;
  readonly progress: ProgressWriter;
  /** Heading of the progress, for example `Running`. */
  readonly title: string;
  readonly evaluate: (state: WatchedState) => WaitStatus;
  readonly signal: AbortSignal;
  readonly now: () => number;
  /** Total time limit in ms; fails with `timeout`. */
  readonly timeoutMs?: number | undefined;
  readonly timeoutMessage?: string | undefined;
  /** Limit in ms for the time without any change; fails with `timeout`. Default: 10 minutes. */
  readonly idleMs?: number | undefined;
}

/** Time that a stuck state must last before the command fails with its reasons. */
const settleMs = 3_000;
const idleLimitMs = 600_000;
const tickMs = 200;
/** Time limit for reconnecting to a manager. */
const reconnectMs = 60_000;

/** The watched state, updated in the background; every change wakes the waiter. */
class LiveState {
  state: WatchedState = emptyWatchedState;
  ready = false;
  error: AppError | undefined;
  changedAt: number;
  readonly #now: () => number;
  #wake: () => void = () => undefined;

  constructor(now: () => number) {
    this.#now = now;
    this.changedAt = now();
  }

  async run(
    options: Pick<FollowOptions, 'client' | 'project'>,
    signal: AbortSignal,
  ): Promise<void> {
    let failures = 0;
    let lastSeen = this.#now();
    while (!signal.aborted) {
      try {
        for await (const message of streamWatch(
          options.client,
          options.project === undefined ? {} : { project: options.project },
          signal,
        )) {
          this.state = applyWatch(this.state, message);
          this.ready = true;
          failures = 0;
          lastSeen = this.changedAt = this.#now();
          this.#wake();
        }
        throw new AppError('unavailable', 'manager closed the watch stream');
      } catch (error) {
        if (isOver(signal)) return;
        const known = toAppError(error, 'unavailable');
        failures += 1;
        if (!known.temporary || !this.ready || this.#now() - lastSeen > reconnectMs) {
          this.error = known;
          this.#wake();
          return;
        }
        await this.#pause(backoffMs({ firstMs: 200, maxMs: 3_000 }, failures, 0.5), signal);
      }
    }
  }

  /** Resolves at the next change, or after `ms`. */
  async changed(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', end);
        this.#wake = () => undefined;
        resolve();
      };
      const timer = setTimeout(end, ms);
      signal.addEventListener('abort', end, { once: true });
      this.#wake = end;
    });
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener(
        'abort',
        () => {
          clearTimeout(timer);
          resolve();
        },
        { once: true },
      );
    });
  }
}

/**
 * Watches a project until `judge` reports done and shows its rows. Throws `unavailable` with the
 * reason from `judge`, `timeout`, or `cancelled` if `signal` is aborted. Reconnects if the manager
 * restarts.
 */
export async function followProject(options: FollowOptions): Promise<WatchedState> {
  const ending = new AbortController();
  const signal = AbortSignal.any([options.signal, ending.signal]);
  const live = new LiveState(options.now);
  const running = live.run(options, signal);
  try {
    return await waitUntilDone(options, live, signal);
  } finally {
    ending.abort();
    await running;
  }
}

async function waitUntilDone(
  options: FollowOptions,
  live: LiveState,
  signal: AbortSignal,
): Promise<WatchedState> {
  const startedAt = options.now();
  let stuck = { reasons: '', since: startedAt };
  for (;;) {
    if (options.signal.aborted) throw new AppError('cancelled', 'interrupted');
    if (live.error !== undefined) throw live.error;
    if (live.ready) {
      const { state } = live;
      const judgement = options.evaluate(state);
      options.progress.show(options.title, judgement.rows);
      if (judgement.done) return state;
      if (judgement.failure !== undefined) throw new AppError('unavailable', judgement.failure);
      const reasons = judgement.stuck.join('; ');
      if (reasons !== stuck.reasons) stuck = { reasons, since: options.now() };
      if (reasons !== '' && options.now() - stuck.since > settleMs) {
        throw new AppError('unavailable', reasons);
      }
    }
    failIfLate(options, live, startedAt);
    await live.changed(tickMs, signal);
  }
}

function failIfLate(options: FollowOptions, live: LiveState, startedAt: number): void {
  const now = options.now();
  if (options.timeoutMs !== undefined && now - startedAt > options.timeoutMs) {
    throw new AppError('timeout', options.timeoutMessage ?? 'timed out');
  }
  const idleMs = options.idleMs ?? idleLimitMs;
  if (now - live.changedAt > idleMs) {
    const seconds = Math.round(idleMs / 1000);
    throw new AppError('timeout', `no progress for ${seconds} s; check "shoal ps -a"`);
  }
}

/** Reads the current state of a project: the first message of the watch. */
export async function lookOnce(
  client: ControlClient,
  project: string,
  signal: AbortSignal,
): Promise<WatchedState> {
  const ending = new AbortController();
  try {
    const both = AbortSignal.any([signal, ending.signal]);
    for await (const message of streamWatch(client, { project }, both)) {
      return applyWatch(emptyWatchedState, message);
    }
  } catch (error) {
    if (!isAppError(error) || !signal.aborted) throw error;
  } finally {
    ending.abort();
  }
  throw new AppError('cancelled', 'interrupted');
}
