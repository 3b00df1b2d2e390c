import { backoffMs } from '../../manager/common/base/backoff.js';
import { pause, untilAborted } from '../../manager/common/base/cancellation.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { toAppError, type AppError } from '../../manager/common/base/errors.js';
import { silentEngineError } from '../../manager/common/model/silent-engine.js';

export interface EngineHealthOptions {
  /** Sends the cheapest request; resolves when the engine answers it. */
  readonly ping: (signal: AbortSignal) => Promise<unknown>;
  /** Name of this node, for errors. */
  readonly node: string;
  readonly clock: Clock;
  readonly random: () => number;
}

/** The engine is silent after this time without an answer, ms. */
const deadlineMs = 3_000;
/** Maximum wait of a user's command for an answer, ms: the command fails within three seconds. */
const commandDeadlineMs = 2_000;
const intervalMs = 1_000;
const backoff = { firstMs: 200, maxMs: 2_000 } as const;

/**
 * Observes whether the engine answers: one ping a second, with back-off while it fails. A frozen
 * engine accepts connections and never answers, so that only a deadline shows it. An engine that
 * restarts within the deadline is never silent.
 */
export class EngineHealth {
  readonly #options: EngineHealthOptions;
  readonly #abort = new AbortController();
  readonly #listeners: ((isSilent: boolean) => void)[] = [];
  #running: Promise<void> | undefined;
  /** The ping in flight; callers share it. */
  #ping: Promise<AppError | undefined> | undefined;
  #isSilent = false;
  /** Aborted when the engine falls silent; the reason names the node. */
  #silence = new AbortController();

  constructor(options: EngineHealthOptions) {
    this.#options = options;
  }

  get isSilent(): boolean {
    return this.#isSilent;
  }

  start(): void {
    this.#running ??= this.#run();
  }

  async stop(): Promise<void> {
    this.#abort.abort();
    await this.#running;
  }

  /** Registers a callback for each change between silent and answering. */
  onChange(listener: (isSilent: boolean) => void): void {
    this.#listeners.push(listener);
  }

  /**
   * Runs work that needs the engine; its signal aborts when the caller's does or the engine falls
   * silent. Fails as `unavailable` at once while the engine is silent, when it does not answer within
   * two seconds, or as soon as it falls silent during the work.
   */
  async whileAnswering<Result>(
    signal: AbortSignal,
    work: (signal: AbortSignal) => Promise<Result>,
  ): Promise<Result> {
    this.#silence.signal.throwIfAborted();
    const problem = await this.#answerWithin(commandDeadlineMs, signal);
    signal.throwIfAborted();
    if (problem !== undefined) throw problem;
    const silence = this.#silence.signal;
    return await untilAborted(work(AbortSignal.any([signal, silence])), silence);
  }

  async #run(): Promise<void> {
    const { clock, random } = this.#options;
    const { signal } = this.#abort;
    let failures = 0;
    let askedAt = clock.elapsed();
    while (!signal.aborted) {
      if (failures === 0) askedAt = clock.elapsed();
      const left = Math.max(0, askedAt + deadlineMs - clock.elapsed());
      // A silent engine may answer late: the ping in flight is awaited for the full deadline again.
      const problem = await this.#answerWithin(this.#isSilent ? deadlineMs : left, signal);
      failures = problem === undefined ? 0 : failures + 1;
      if (problem === undefined) this.#set(false);
      else if (clock.elapsed() - askedAt >= deadlineMs) this.#set(true);
      const delay = failures === 0 ? intervalMs : backoffMs(backoff, failures, random());
      const untilDeadline = askedAt + deadlineMs - clock.elapsed();
      const isDeciding = failures > 0 && !this.#isSilent;
      await pause(clock, isDeciding ? Math.min(delay, Math.max(0, untilDeadline)) : delay, signal);
    }
  }

  #set(isSilent: boolean): void {
    if (this.#abort.signal.aborted || isSilent === this.#isSilent) return;
    this.#isSilent = isSilent;
    if (isSilent) this.#silence.abort(this.#noAnswer());
    else this.#silence = new AbortController();
    for (const listener of this.#listeners) listener(isSilent);
  }

  /** The problem of the ping in flight or of a new one; undefined once the engine has answered. */
  async #answerWithin(timeoutMs: number, signal: AbortSignal): Promise<AppError | undefined> {
    const waiting = new AbortController();
    const late = pause(this.#options.clock, timeoutMs, AbortSignal.any([signal, waiting.signal]))
      // On a busy machine the timer fires before an answer that has arrived is read.
      .then(() => new Promise<void>((resolve) => setImmediate(resolve)))
      .then(() => new Promise<void>((resolve) => setImmediate(resolve)))
      .then(() => this.#noAnswer());
    try {
      return await Promise.race([this.#shared(), late]);
    } finally {
      waiting.abort();
    }
  }

  #shared(): Promise<AppError | undefined> {
    this.#ping ??= this.#options
      .ping(this.#abort.signal)
      .then(
        () => undefined,
        (error: unknown) => toAppError(error),
      )
      .finally(() => {
        this.#ping = undefined;
      });
    return this.#ping;
  }

  #noAnswer(): AppError {
    return silentEngineError(this.#options.node);
  }
}
