import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskId } from '../../manager/common/model/ids.js';
import type {
  NodeCounters,
  TaskUse,
  WorkerStats,
} from '../../manager/common/protocol/statistics.js';
import type { MessageStream } from '../../manager/common/protocol/worker-calls.js';
import type { Executor } from '../executor/executor.js';
import { MachineUseReader } from './machine-use.js';
import type { EngineStats, Sample } from './rates.js';
import { hasChanged, sampleOf, useOf } from './rates.js';

/** Where statistics come from. */
export interface StatsSource {
  readonly executor: Pick<Executor, 'stats'>;
  readonly tasks: { liveContainers(): ReadonlyMap<TaskId, string> };
  readonly counters?: () => NodeCounters | undefined;
}

const periodMs = 1_000;
/** Who has just begun to read waits for the first samples and rates: told as soon as they are there. */
const beginning = { forMs: 3_000, everyMs: 200 };
/** A container whose statistics could not be read is asked again after this. */
const retryMs = 5_000;
/** No line of the engine is near as long. */
const maxLineChars = 1_048_576;

/**
 * Sends what containers and machine use, each second what has changed, until `signal`. The engine is asked
 * once per container, and only while this runs.
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
  const sent = new Map<TaskId, TaskUse>();
  const beganAt = performance.now();
  try {
    while (!signal.aborted) {
      readers.follow();
      const use = await machine.read().catch(() => undefined);
      const counters = source.counters?.();
      const news = {
        ...changes(sent, readers.uses()),
        ...(use && { machine: use }),
        ...(counters && { counters }),
      };
      await stream.send(JSON.stringify({ at: Date.now(), ...news } satisfies WorkerStats));
      const begins = performance.now() - beganAt < beginning.forMs;
      const pauseMs = begins ? Math.min(everyMs, beginning.everyMs) : everyMs;
      await sleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  } finally {
    ended.abort();
  }
}

/** What a reader of `sent` must be told; `sent` is brought up to it. */
function changes(
  sent: Map<TaskId, TaskUse>,
  uses: ReadonlyMap<TaskId, TaskUse>,
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

  /** Starts and ends readers, so that there is one for each container that runs now. */
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

  uses(): ReadonlyMap<TaskId, TaskUse> {
    const uses = new Map<TaskId, TaskUse>();
    for (const [taskId, { use }] of this.#readers) if (use !== undefined) uses.set(taskId, use);
    return uses;
  }
}

class Reader {
  readonly containerId: string;
  readonly #taskId: TaskId;
  readonly #abort = new AbortController();
  #last: Sample | undefined;
  #endedAt: number | undefined;
  use: TaskUse | undefined;

  constructor(source: StatsSource, taskId: TaskId, containerId: string, signal: AbortSignal) {
    this.containerId = containerId;
    this.#taskId = taskId;
    const either = AbortSignal.any([signal, this.#abort.signal]);
    // A container that has just ended has no statistics: no error of anybody.
    this.#read(source, either)
      .catch(() => undefined)
      .finally(() => {
        this.#endedAt = performance.now();
        this.use = undefined;
      });
  }

  stop(): void {
    this.#abort.abort();
  }

  /** Its stream ended a while ago, though the container runs. */
  isStale(now: number): boolean {
    return this.#endedAt !== undefined && now - this.#endedAt >= retryMs;
  }

  async #read({ executor }: StatsSource, signal: AbortSignal): Promise<void> {
    const answer = await executor.stats(this.containerId, signal);
    let rest = '';
    for await (const chunk of answer as AsyncIterable<Uint8Array>) {
      const lines = (rest + Buffer.from(chunk).toString('utf8')).split('\n');
      rest = lines.pop() ?? '';
      if (rest.length > maxLineChars) return;
      for (const line of lines) if (line.trim() !== '') this.#take(line);
    }
  }

  #take(line: string): void {
    const sample = sampleOf(JSON.parse(line) as EngineStats);
    if (sample === undefined) return;
    this.use = useOf(this.#taskId, this.#last, sample);
    this.#last = sample;
  }
}
