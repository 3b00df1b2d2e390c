import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../../manager/common/base/log.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type {
  NodeCounters,
  TaskUsage,
  WorkerStats,
} from '../../manager/common/protocol/statistics.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import type { ContainerAccess } from '../executor/executor.js';
import { MachineUseReader } from './machine-use.js';
import { JsonLines } from '../executor/json-lines.js';
import type { EngineStats, StatsSample } from './rates.js';
import { engineStats, hasChanged, sampleOf, toTaskUse } from './rates.js';

/** Sources of the statistics. */
export interface StatsSource {
  readonly access: Pick<ContainerAccess, 'stats'>;
  readonly log: Logger;
  readonly tasks: { liveContainers(): ReadonlyMap<TaskId, string> };
  readonly counters?: () => NodeCounters | undefined;
}

const periodMs = 1_000;
/**
 * A new reader waits for the first samples and rates, so updates are more frequent after the start.
 */
const initialRate = { forMs: 3_000, everyMs: 200 };
/** Delay before a failed statistics stream is reopened. */
const retryMs = 5_000;

/**
 * Sends the resource use of containers and machine until `signal` aborts: each second the changes.
 * The engine is queried once per container, and only during the call.
 */
export async function serveStats(
  source: StatsSource,
  stream: MessageStream,
  signal: AbortSignal,
  everyMs = periodMs,
): Promise<void> {
  const ended = new AbortController();
  const readers = new Readers(source, AbortSignal.any([signal, ended.signal]));
  const machine = new MachineUseReader();
  const sent = new Map<TaskId, TaskUsage>();
  const startedAt = performance.now();
  try {
    while (!signal.aborted) {
      readers.follow();
      const use = await machine.read().catch(() => undefined);
      const counters = source.counters?.();
      const update = {
        ...changes(sent, readers.uses()),
        ...(use && { machine: use }),
        ...(counters && { counters }),
      };
      await stream.send(JSON.stringify({ at: Date.now(), ...update } satisfies WorkerStats));
      const isStarting = performance.now() - startedAt < initialRate.forMs;
      const pauseMs = isStarting ? Math.min(everyMs, initialRate.everyMs) : everyMs;
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    ended.abort();
  }
}

/** The changes since `sent`; updates `sent` to match. */
function changes(
  sent: Map<TaskId, TaskUsage>,
  uses: ReadonlyMap<TaskId, TaskUsage>,
): Pick<WorkerStats, 'tasks' | 'gone'> {
  const gone = [...sent.keys()].filter((taskId) => !uses.has(taskId));
  const tasks = [...uses.values()].filter((use) => hasChanged(sent.get(use.taskId), use));
  for (const taskId of gone) sent.delete(taskId);
  for (const use of tasks) sent.set(use.taskId, use);
  return { tasks, gone };
}

/** One open statistics stream of the engine per running container. */
class Readers {
  readonly #source: StatsSource;
  readonly #signal: AbortSignal;
  readonly #readers = new Map<TaskId, Reader>();

  constructor(source: StatsSource, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  /** Starts and stops readers so that each running container has one. */
  follow(): void {
    const live = this.#source.tasks.liveContainers();
    for (const [taskId, reader] of this.#readers) {
      if (live.get(taskId) !== reader.containerId || reader.isStale(performance.now())) {
        reader.stop();
        this.#readers.delete(taskId);
      }
    }
    for (const [taskId, containerId] of live) {
      if (this.#readers.has(taskId)) continue;
      this.#readers.set(taskId, new Reader(this.#source, taskId, containerId, this.#signal));
    }
  }

  uses(): ReadonlyMap<TaskId, TaskUsage> {
    const uses = new Map<TaskId, TaskUsage>();
    for (const [taskId, { use }] of this.#readers) if (use !== undefined) uses.set(taskId, use);
    return uses;
  }
}

class Reader {
  readonly containerId: string;
  readonly #taskId: TaskId;
  readonly #abort = new AbortController();
  #last: StatsSample | undefined;
  #endedAt: number | undefined;
  use: TaskUsage | undefined;

  constructor(source: StatsSource, taskId: TaskId, containerId: string, signal: AbortSignal) {
    this.containerId = containerId;
    this.#taskId = taskId;
    const anySignal = AbortSignal.any([signal, this.#abort.signal]);
    // A container that has just exited has no statistics, which is not an error.
    this.#read(source, anySignal)
      .catch(() => undefined)
      .finally(() => {
        this.#endedAt = performance.now();
        this.use = undefined;
      });
  }

  stop(): void {
    this.#abort.abort();
  }

  /** True if the stream ended some time ago although the container still runs. */
  isStale(now: number): boolean {
    return this.#endedAt !== undefined && now - this.#endedAt >= retryMs;
  }

  async #read({ access, log }: StatsSource, signal: AbortSignal): Promise<void> {
    const answer = await access.stats(this.containerId, signal);
    const source = `statistics of container ${this.containerId.slice(0, 12)}`;
    let warned = false;
    const lines = new JsonLines(engineStats, source, (error) => {
      // Once per stream: the engine sends a line each second.
      if (!warned) log.warn(`${error.message}; malformed samples are skipped`);
      warned = true;
    });
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      for (const stats of lines.push(chunk)) this.#take(stats);
    }
  }

  #take(stats: EngineStats): void {
    const sample = sampleOf(stats);
    if (sample === undefined) return;
    this.use = toTaskUse(this.#taskId, this.#last, sample);
    this.#last = sample;
  }
}
