import type { Clock } from '../common/base/clock.js';
import { backoffMs } from '../common/base/backoff.js';
import { messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { TaskId } from '../common/model/ids.js';
import type { Task } from '../common/model/task.js';
import { isTerminal, stateRank } from '../common/model/task-state.js';
import type { ControlStreamMap, TaskLogLine } from '../common/protocol/control.js';
import type { LogLine, LogOptions, WorkerCalls } from '../common/protocol/worker-calls.js';
import type { ClusterStore } from '../store/store.js';
import { LogMerge } from './merge.js';

export interface LogBrokerOptions {
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly workers: WorkerCalls;
}

type LogArgs = ControlStreamMap['logs']['args'];

/** How long a line waits for earlier ones of other tasks while following. */
const windowMs = 100;
/** Lines held for their order; beyond it order gives way. */
const maxHeld = 5_000;
/** A reader this many lines behind holds the workers back. */
const maxUnread = 10_000;

/** Reads the logs of many tasks, wherever they run, as one. */
export class LogBroker {
  readonly #options: LogBrokerOptions;

  constructor(options: LogBrokerOptions) {
    this.#options = options;
  }

  /**
   * Batches in order of time. Ends when every log has ended; with `follow` only when `signal` does, and
   * tasks that start meanwhile join in.
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
  /** Tasks whose log is being read, or has been. */
  readonly #known = new Set<TaskId>();
  #open = 0;
  #wake: (() => void) | undefined;
  #spaceFreed: (() => void)[] = [];
  readonly #stopWatching: () => void;

  constructor(options: LogBrokerOptions, args: LogArgs, signal: AbortSignal) {
    this.#options = options;
    this.#args = args;
    this.#signal = AbortSignal.any([signal, this.#abort.signal]);
    this.#signal.addEventListener('abort', () => this.#wake?.(), { once: true });
    this.#look(true);
    this.#stopWatching = args.options.follow
      ? options.store.watch((commit) => {
          if (commit.changes.some(({ table }) => table === 'tasks')) this.#look(false);
        })
      : () => undefined;
  }

  async *batches(): AsyncGenerator<readonly TaskLogLine[]> {
    const { follow } = this.#args.options;
    while (!this.#signal.aborted) {
      const lines = this.#due();
      if (lines.length > 0) {
        yield lines;
        this.#freeSpace();
      } else if (this.#open === 0 && !follow && this.#merge.waiting === 0) {
        return;
      } else {
        await this.#woken();
      }
    }
  }

  end(): void {
    this.#stopWatching();
    this.#abort.abort();
    this.#freeSpace();
  }

  #due(): readonly TaskLogLine[] {
    const lines = this.#merge.take();
    if (lines.length > 0) return lines;
    if (this.#args.options.follow)
      return this.#merge.flush(this.#options.clock.elapsed() - windowMs);
    return this.#merge.waiting > maxHeld ? this.#merge.flush(Infinity) : [];
  }

  /** Until something arrives; while following, lines that wait are looked at again when their time is up. */
  #woken(): Promise<void> {
    return new Promise((resolve) => {
      const cancel =
        this.#merge.waiting > 0 && this.#args.options.follow
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
    for (const proceed of waiting) proceed();
  }

  #look(first: boolean): void {
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

  /** One task's log until it ends; a connection that is lost while following is taken up where it broke. */
  async #readTask(task: Task, first: boolean): Promise<void> {
    const { tail: _tail, ...whole } = this.#args.options;
    // A task that started later is read from its beginning: `tail` is about what was there before.
    const options = first ? this.#args.options : whole;
    const position = new LogPosition();
    let failures = 0;
    for (;;) {
      try {
        await this.#readOnce(task, position.begin(options, whole), position);
        return;
      } catch (error) {
        if (this.#signal.aborted || !this.#mayResume(task.id)) return;
        failures = position.moved ? 1 : failures + 1;
        this.#options.log.debug(`log of task ${task.id}: ${messageOf(error)}`);
        await this.#pause(backoffMs({ firstMs: 200, maxMs: 5_000 }, failures, 0.5));
      }
    }
  }

  #mayResume(taskId: TaskId): boolean {
    const task = this.#options.store.view.get('tasks', taskId);
    return this.#args.options.follow && task !== undefined && !isTerminal(task.status.state);
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
        const lines = JSON.parse(String(message)) as readonly LogLine[];
        const fresh = position.fresh(lines);
        this.#merge.add(
          task.id,
          fresh.map((line) => toTaskLine(task, node, line)),
          this.#options.clock.elapsed(),
        );
        this.#wake?.();
        await this.#room();
      }
    } finally {
      this.#signal.removeEventListener('abort', close);
      close();
    }
  }

  /** Waits while the reader is far behind: the stream is not read meanwhile, so the worker waits too. */
  async #room(): Promise<void> {
    while (this.#merge.waiting > maxUnread && !this.#signal.aborted) {
      await new Promise<void>((resolve) => {
        this.#spaceFreed.push(resolve);
      });
    }
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

/** How far one task's log has been read, for taking it up again. */
class LogPosition {
  #last: LogLine | undefined;
  #seenUntil = '';
  #moved = false;

  /** Whether this connection has brought anything. */
  get moved(): boolean {
    return this.#moved;
  }

  /** What to ask for: `first` at the beginning, later whatever comes after the last line read. */
  begin(first: LogOptions, whole: LogOptions): LogOptions {
    this.#moved = false;
    this.#seenUntil = this.#last?.stamp ?? '';
    return this.#last === undefined ? first : { ...whole, sinceMs: this.#last.at };
  }

  /** Lines not read before. `sinceMs` is coarser than the engine's stamps, which have a fixed width. */
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
