import type { ContainerAccess } from '../executor/executor.js';
import type { LogLine, LogOptions } from '../../manager/common/protocol/worker-calls.js';
import { Demux } from '../executor/demux.js';
import { LineAssembler } from './lines.js';

export interface FollowedTask {
  containerId(): string;
  /** Resolves with true when the container runs again, with false when it never will. */
  runsAgain(signal: AbortSignal): Promise<boolean>;
}

/**
 * Yields the log of a task's container in batches. With `follow` it continues across restarts: the
 * engine ends the stream at each exit, and reading resumes after the last line.
 */
export async function* followLog(
  access: Pick<ContainerAccess, 'logs'>,
  task: FollowedTask,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly LogLine[]> {
  let last = '';
  let range = options;
  for (;;) {
    const readBefore = last;
    for await (const batch of readLog(access, task.containerId(), range, signal)) {
      const fresh = batch.filter((line) => line.stamp === '' || line.stamp > readBefore);
      if (fresh.length === 0) continue;
      last = fresh.reduce((latest, { stamp }) => (stamp > latest ? stamp : latest), last);
      yield fresh;
    }
    if (!options.follow || signal.aborted) return;
    if (options.untilMs !== undefined && Date.parse(last) > options.untilMs) return;
    if (!(await task.runsAgain(signal))) return;
    const { tail: _tail, ...rest } = options;
    // `since` is rounded down to milliseconds; lines that were already read are dropped by their
    // timestamp.
    range = last === '' ? rest : { ...rest, sinceMs: Date.parse(last) };
  }
}

async function* readLog(
  access: Pick<ContainerAccess, 'logs'>,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly LogLine[]> {
  const { stream, tty } = await access.logs(containerId, options, signal);
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
