import { AppError, isAppError, isCancelled } from '../../manager/common/base/errors.js';
import type { Task } from '../../manager/common/model/task.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { streamLogs } from '../client/stream.js';
import type { WatchedState } from '../client/watched.js';
import { ExitError, interruptedCode } from '../exit-code.js';
import { quietProgress } from '../output/progress.js';
import { LogPrinter, prefixName } from '../output/log-printer.js';
import { allEnded, newlyEnded, withoutNewTasks } from './follow/exits.js';
import { followProject } from './follow/follow.js';
import { paintOf } from '../project/progress-output.js';

export interface Foreground {
  readonly client: ControlClient;
  readonly project: string;
  readonly services: readonly string[];
  /** Services whose output is shown. */
  readonly attached: readonly string[];
  /** States when the command began and when all services had started. */
  readonly before: WatchedState;
  readonly state: WatchedState;
  readonly abortOn: 'exit' | 'failure' | undefined;
  readonly exitCodeFrom: string | undefined;
  readonly graceMs: number | undefined;
  readonly color: boolean;
  readonly prefix: boolean;
  readonly timestamps: boolean;
}

/** Time for the last log lines to arrive after all containers have ended. */
const lastLinesMs = 2_000;

/**
 * Prints the containers' output until all have ended. The first Ctrl-C stops them, the second kills
 * them, the third detaches. Throws ExitError with the code that the flags select, 130 after a
 * Ctrl-C.
 */
export async function runForeground(cli: Cli, run: Foreground): Promise<void> {
  const session = new ForegroundSession(cli, run);
  const release = cli.interrupts.handle(() => {
    session.interrupt();
  });
  try {
    await session.run();
  } finally {
    release();
  }
}

class ForegroundSession {
  readonly #cli: Cli;
  readonly #run: Foreground;
  readonly #services: ReadonlySet<string>;
  readonly #printer: LogPrinter;
  readonly #ending = new AbortController();
  #lastState: WatchedState;
  #interrupts = 0;
  #stopping: Promise<unknown> | undefined;
  #stopFailure: unknown;
  #exitCode = 0;
  #exitDecided = false;

  constructor(cli: Cli, run: Foreground) {
    this.#cli = cli;
    this.#run = run;
    this.#services = new Set(run.services);
    this.#lastState = withoutNewTasks(run.before, run.state);
    this.#printer = new LogPrinter({
      project: run.project,
      prefix: run.prefix,
      timestamps: run.timestamps,
      paint: paintOf(cli, !run.color),
    });
  }

  async run(): Promise<void> {
    const names = this.#attachedTasks().map(({ containerName }) => containerName);
    this.#printer.expect(names);
    const short = names.map((name) => prefixName(this.#run.project, name)).join(', ');
    this.#cli.stdout.write(`Attaching to ${short}\n`);
    const reading = this.#showLogs();
    try {
      await this.#untilEnded();
    } finally {
      await this.#lastLines(reading);
    }
    if (this.#interrupts > 0) throw new ExitError(interruptedCode);
    if (this.#exitCode !== 0) throw new ExitError(this.#exitCode);
  }

  interrupt(): void {
    this.#interrupts += 1;
    if (this.#interrupts === 1) {
      this.#cli.stderr.write('Gracefully Stopping... press Ctrl+C again to force\n');
      this.#stop();
    } else if (this.#interrupts === 2) {
      this.#kill();
    } else {
      this.#ending.abort();
    }
  }

  #attachedTasks(): readonly Task[] {
    const { state, attached } = this.#run;
    return [...state.tasks.values()]
      .filter((task) => attached.includes(task.service))
      .filter((task) => task.desired === 'running' || task.desired === 'ready')
      .sort((a, b) => a.containerName.localeCompare(b.containerName, 'en', { numeric: true }));
  }

  /**
   * Start of the output, ms since the epoch. As in docker compose, new containers start at their
   * first line, running ones at the present.
   */
  #since(): number {
    const fresh = this.#attachedTasks().filter(({ id }) => !this.#run.before.tasks.has(id));
    // Creation time, not the reported start: the first line may be older than the report.
    const starts = fresh.map(({ createdAt }) => createdAt);
    // Log timestamps come from the engines' clocks; their latest report is closest to their time.
    const stamps = [...this.#run.state.tasks.values()].map(({ updatedAt }) => updatedAt);
    return starts.length > 0 ? Math.min(...starts) : Math.max(this.#cli.now(), ...stamps);
  }

  async #showLogs(): Promise<void> {
    const { client, project, attached } = this.#run;
    if (attached.length === 0) return;
    const options = { follow: true, sinceMs: this.#since() };
    try {
      const lines = streamLogs(
        client,
        { project, services: attached, options },
        this.#ending.signal,
      );
      for await (const batch of lines) {
        await this.#cli.stdout.send(this.#printer.lines(batch));
      }
      this.#cli.stdout.write(this.#printer.end());
    } catch (error) {
      // The watch decides when the command ends; a log failure only loses output.
      if (!this.#ending.signal.aborted && !isCancelled(error)) {
        const reason = isAppError(error) ? error.message : String(error);
        this.#cli.stderr.write(`warning: log stream ended: ${reason}\n`);
      }
    }
  }

  async #lastLines(reading: Promise<void>): Promise<void> {
    const timer = setTimeout(() => {
      this.#ending.abort();
    }, lastLinesMs);
    await reading;
    clearTimeout(timer);
    this.#ending.abort();
  }

  async #untilEnded(): Promise<void> {
    const { client, project } = this.#run;
    try {
      await followProject({
        client,
        project,
        progress: quietProgress,
        title: '',
        signal: this.#ending.signal,
        now: this.#cli.now,
        // Containers may run for years without a change.
        idleMs: Number.POSITIVE_INFINITY,
        evaluate: (state) => {
          this.#reportEnded(state);
          if (this.#stopFailure !== undefined) throw this.#stopFailure as Error;
          return { rows: [], done: allEnded(state, project, this.#services), stuck: [] };
        },
      });
    } catch (error) {
      if (!this.#ending.signal.aborted) throw error;
    }
  }

  #reportEnded(state: WatchedState): void {
    for (const task of newlyEnded(this.#lastState, state, this.#services)) {
      const code = task.status.exitCode ?? 0;
      this.#cli.stdout.write(this.#printer.notice(task.containerName, `exited with code ${code}`));
      this.#handleExit(task, code);
    }
    this.#lastState = state;
  }

  #handleExit(task: Task, code: number): void {
    const { abortOn, exitCodeFrom } = this.#run;
    if (abortOn === undefined || this.#exitDecided) return;
    if (
      exitCodeFrom === undefined ? abortOn === 'exit' || code !== 0 : task.service === exitCodeFrom
    ) {
      this.#exitCode = code;
      this.#exitDecided = true;
    }
    if (this.#stopping === undefined && (abortOn === 'exit' || code !== 0)) {
      this.#cli.stderr.write(`Aborting on container ${abortOn}...\n`);
      this.#stop();
    }
  }

  #stop(): void {
    const { client, project, services, graceMs } = this.#run;
    const timeout = graceMs === undefined ? {} : { timeoutMs: graceMs };
    this.#track(client.call('service.halt', { project, services, halted: true, ...timeout }));
  }

  #kill(): void {
    const { client, project, services } = this.#run;
    this.#track(client.call('service.kill', { project, services, signal: 'SIGKILL' }));
  }

  /** Keeps the error of a failed stop, so that the command ends instead of waiting forever. */
  #track(work: Promise<unknown>): void {
    this.#stopping = work.catch((error: unknown) => {
      this.#stopFailure = error instanceof AppError ? error : new Error(String(error));
    });
  }
}
