import type { Clock } from '../common/base/clock.js';
import { backoffMs } from '../common/base/backoff.js';
import { isUnavailable, messageOf, toAppError, type AppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { TaskId } from '../common/model/ids.js';
import type { Task } from '../common/model/task.js';
import { isTerminal, stateRank } from '../common/model/task-state.js';
import type { ControlStreamMap, TaskLogLine } from '../common/protocol/control.js';
import type { LogLine, LogOptions, WorkerCalls } from '../common/protocol/worker-calls.js';
import { decodeLogLines } from '../common/protocol/worker-stream-decoders.js';
import { isNodeLost, isWanted } from '../store/slots.js';
import type { ClusterStore } from '../store/store.js';
import { LogMerge } from './merge.js';

export interface LogBrokerOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly workers: WorkerCalls;
}

type LogArgs = ControlStreamMap['logs']['args'];

/**
 * Reordering window while following: how long a line waits for earlier lines of other tasks, ms.
 */
const windowMs = 100;
/** Most lines held back for ordering; beyond it they are flushed in the order available. */
const maxHeld = 5_000;
/** Unread lines beyond which the workers' streams are paused. */
const maxUnread = 10_000;
/** Unread characters beyond which they are paused; bounds memory for long lines. */
const maxUnreadChars = 16 * 1024 * 1024;

/** Merges the logs of tasks on any node into one stream. */
export class LogBroker {
  readonly #options: LogBrokerOptions;

  constructor(options: LogBrokerOptions) {
    this.#options = options;
  }

  /**
   * Yields batches of lines in time order and ends when every log has ended. With `follow` it ends
   * only on abort and includes tasks that start later.
   */
  async *read(args: LogArgs, signal: AbortSignal): AsyncGenerator<readonly TaskLogLine[]> {
    const reading = new LogReading(this.#options, args, signal);
    try {
      yield* reading.batches();
    } finally {
      reading.end();
    }
  }
}

class LogReading {
  readonly #options: LogBrokerOptions;
  readonly #args: LogArgs;
  readonly #abort = new AbortController();
  readonly #signal: AbortSignal;
  readonly #merge = new LogMerge();
  /** Tasks whose log is being read or has been read. */
  readonly #known = new Set<TaskId>();
  #open = 0;
  #failure: AppError | undefined;
  #wake: (() => void) | undefined;
  #spaceFreed: (() => void)[] = [];
  readonly #stopWatching: () => void;

  constructor(options: LogBrokerOptions, args: LogArgs, signal: AbortSignal) {
    this.#options = options;
    this.#args = args;
    this.#signal = AbortSignal.any([signal, this.#abort.signal]);
    this.#signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    this.#discoverTasks(true);
    this.#stopWatching = args.options.follow
      ? options.store.watch((commit) => {
          if (commit.changes.some(({ table }) => table === 'tasks')) this.#discoverTasks(false);
        })
      : () => undefined;
  }

  async *batches(): AsyncGenerator<readonly TaskLogLine[]> {
    const { follow } = this.#args.options;
    while (!this.#signal.aborted) {
      const lines = this.#takeDue();
      if (lines.length > 0) {
        yield lines;
        this.#freeSpace();
      } else if (this.#open === 0 && !follow && this.#merge.pendingCount === 0) {
        // The other logs are complete: report the one that could not be read last.
        if (this.#failure !== undefined) throw this.#failure;
        return;
      } else {
        await this.#waitForLines();
      }
    }
  }

  end(): void {
    this.#stopWatching();
    this.#abort.abort();
    this.#freeSpace();
  }

  #takeDue(): readonly TaskLogLine[] {
    const lines = this.#merge.take();
    if (lines.length > 0) return lines;
    if (this.#args.options.follow)
      return this.#merge.flush(this.#options.clock.elapsed() - windowMs);
    return this.#merge.pendingCount > maxHeld || this.#isFull() ? this.#merge.flush(Infinity) : [];
  }

  /**
   * Waits for new lines; while following, at most until the reordering window of held lines ends.
   */
  #waitForLines(): Promise<void> {
    return new Promise((resolve) => {
      const cancel =
        this.#merge.pendingCount > 0 && this.#args.options.follow
          ? this.#options.clock.after(windowMs, resolve)
          : () => undefined;
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
  }

  #freeSpace(): void {
    const waiting = this.#spaceFreed;
    this.#spaceFreed = [];
    for (const resume of waiting) resume();
  }

  #discoverTasks(first: boolean): void {
    const { store } = this.#options;
    const { project, services, index } = this.#args;
    for (const service of store.view.servicesOfProject(project)) {
      if (services.length > 0 && !services.includes(service.spec.service)) continue;
      for (const task of store.view.tasksOfService(service.id)) {
        if (index !== undefined && task.slot !== index) continue;
        if (hasLog(task) && !this.#known.has(task.id)) this.#begin(task, first);
      }
    }
  }

  #begin(task: Task, first: boolean): void {
    this.#known.add(task.id);
    this.#open += 1;
    this.#merge.open(task.id);
    void this.#readTask(task, first).finally(() => {
      this.#open -= 1;
      this.#merge.close(task.id);
      this.#wake?.();
    });
  }

  /**
   * Reads one task's log to its end. While following, a lost connection is resumed at the last
   * line.
   */
  async #readTask(task: Task, first: boolean): Promise<void> {
    const { tail: _tail, ...whole } = this.#args.options;
    // `tail` applies only to tasks that exist at the start; later tasks are read from the
    // beginning.
    const options = first ? this.#args.options : whole;
    const position = new LogPosition();
    let failures = 0;
    for (;;) {
      try {
        await this.#readOnce(task, position.begin(options, whole), position);
        return;
      } catch (error) {
        if (this.#signal.aborted) return;
        if (!this.#canResume(task.id)) {
          this.#noteFailure(task.id, error);
          return;
        }
        failures = position.moved ? 1 : failures + 1;
        this.#options.log.debug(`log of task ${task.id}: ${messageOf(error)}`);
        await this.#pause(backoffMs({ firstMs: 200, maxMs: 5_000 }, failures, 0.5));
      }
    }
  }

  #canResume(taskId: TaskId): boolean {
    const task = this.#options.store.view.get('tasks', taskId);
    return this.#args.options.follow && task !== undefined && !isTerminal(task.status.state);
  }

  #noteFailure(taskId: TaskId, error: unknown): void {
    if (isUnavailable(error) && this.#isCurrent(taskId)) this.#failure = toAppError(error);
  }

  /** Whether the task runs, as far as known: a task on a lost node has a successor. */
  #isCurrent(taskId: TaskId): boolean {
    const { view } = this.#options.store;
    const task = view.get('tasks', taskId);
    if (task?.nodeId === undefined || !isWanted(task) || isTerminal(task.status.state))
      return false;
    return !isNodeLost(view.get('nodes', task.nodeId));
  }

  async #readOnce(task: Task, options: LogOptions, position: LogPosition): Promise<void> {
    const { workers, store } = this.#options;
    const { nodeId } = task;
    if (nodeId === undefined) return;
    const request = { kind: 'logs', taskId: task.id, options } as const;
    const { stream } = await workers.open(nodeId, request, this.#signal);
    const close = (): void => {
      stream.close();
    };
    this.#signal.addEventListener('abort', close, { once: true });
    const node = store.view.get('nodes', nodeId)?.spec.name ?? nodeId;
    try {
      for await (const message of stream) {
        const lines = decodeLogLines(message, `logs of task ${task.id} from node ${node}`);
        const fresh = position.fresh(lines);
        this.#merge.add(
          task.id,
          fresh.map((line) => toTaskLine(task, node, line)),
          this.#options.clock.elapsed(),
        );
        this.#wake?.();
        await this.#waitForSpace();
      }
    } finally {
      this.#signal.removeEventListener('abort', close);
      close();
    }
  }

  /**
   * Back-pressure: waits while too many lines are unread, so the worker's stream is not read
   * either.
   */
  async #waitForSpace(): Promise<void> {
    while (this.#isFull() && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#spaceFreed.push(resolve);
      });
    }
  }

  #isFull(): boolean {
    const { pendingCount, pendingChars } = this.#merge;
    return pendingCount > maxUnread || pendingChars > maxUnreadChars;
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const cancel = this.#options.clock.after(ms, resolve);
      const end = (): void => {
        cancel();
        resolve();
      };
      this.#signal.addEventListener('abort', end, { once: true });
    });
  }
}

/** Read position in one task's log, used to resume after a lost connection. */
class LogPosition {
  #last: LogLine | undefined;
  #seenUntil = '';
  #moved = false;

  /** True if the current connection has returned new lines. */
  get moved(): boolean {
    return this.#moved;
  }

  /** Options of the next request: `first` initially, later `whole` from the last line read. */
  begin(first: LogOptions, whole: LogOptions): LogOptions {
    this.#moved = false;
    this.#seenUntil = this.#last?.stamp ?? '';
    return this.#last === undefined ? first : { ...whole, sinceMs: this.#last.at };
  }

  /**
   * Drops lines that were already read: `sinceMs` is coarser than the engine's timestamps. Those
   * have a fixed width, so they compare as strings.
   */
  fresh(lines: readonly LogLine[]): readonly LogLine[] {
    const fresh = lines.filter((line) => line.stamp > this.#seenUntil);
    this.#last = fresh.at(-1) ?? this.#last;
    this.#moved ||= fresh.length > 0;
    return fresh;
  }
}

function hasLog(task: Task): boolean {
  const { state, containerId } = task.status;
  if (task.nodeId === undefined) return false;
  return containerId !== undefined || stateRank(state) >= stateRank('starting');
}

function toTaskLine(task: Task, node: string, line: LogLine): TaskLogLine {
  return {
    ...line,
    taskId: task.id,
    service: task.service,
    slot: task.slot,
    containerName: task.containerName,
    node,
  };
}
