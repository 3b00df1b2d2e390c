import type { Executor } from '../executor/executor.js';
import type { LogLine, LogOptions } from '../../manager/common/protocol/worker-calls.js';
import { Demux } from './demux.js';
import { LineAssembler } from './lines.js';

export interface FollowedTask {
  containerId(): string;
  /** Resolves when the container runs again (true), or when it never will (false). */
  runsAgain(signal: AbortSignal): Promise<boolean>;
}

/**
 * The log of a task's container, in batches as they come. Followed, it goes on over restarts of the
 * container: the engine ends the stream at each, and the next is read from the last line on.
 */
export async function* followLog(
  executor: Executor,
  task: FollowedTask,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly LogLine[]> {
  let last = '';
  let wanted = options;
  for (;;) {
    const readBefore = last;
    for await (const batch of readLog(executor, task.containerId(), wanted, signal)) {
      const fresh = batch.filter((line) => line.stamp === '' || line.stamp > readBefore);
      if (fresh.length === 0) continue;
      last = fresh.reduce((latest, { stamp }) => (stamp > latest ? stamp : latest), last);
      yield fresh;
    }
    if (!options.follow || signal.aborted) return;
    if (options.untilMs !== undefined && Date.parse(last) > options.untilMs) return;
    if (!(await task.runsAgain(signal))) return;
    const { tail: _tail, ...rest } = options;
    // Whole milliseconds, rounded down; what was read already is left out by its stamp.
    wanted = last === '' ? rest : { ...rest, sinceMs: Date.parse(last) };
  }
}

async function* readLog(
  executor: Executor,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly LogLine[]> {
  const { stream, tty } = await executor.logs(containerId, options, signal);
  const demux = new Demux();
  const lines = new LineAssembler();
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      const outputs = tty ? [{ stream: 'stdout' as const, data: chunk }] : demux.push(chunk);
      const batch = outputs.flatMap((output) => lines.push(output));
      if (batch.length > 0) yield batch;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const rest = lines.end();
  if (rest.length > 0) yield rest;
}
