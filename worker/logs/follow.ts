import type { ContainerAccess } from '../executor/executor.js';
import type { LogLine, LogOptions } from '../../manager/common/protocol/worker-calls.js';
import { lineReader } from './lines.js';
import { startingAt, tailStart } from './tail.js';

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
  const beginning = await beginTail(access, task.containerId(), options, signal);
  let { range, isWanted } = beginning;
  for (;;) {
    const readBefore = last;
    for await (const batch of readLog(access, task.containerId(), range, signal)) {
      const fresh = batch
        .filter((line) => line.stamp === '' || line.stamp > readBefore)
        .filter(isWanted);
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
    isWanted = everyLine;
    range = last === '' ? rest : { ...rest, sinceMs: Date.parse(last) };
  }
}

function everyLine(): boolean {
  return true;
}

interface LogRange {
  readonly range: LogOptions;
  /** Filter of the first read. */
  readonly isWanted: (line: LogLine) => boolean;
}

/** Records read at least beyond those found: the log may grow between two reads. */
const grownPieces = 1_000;

/**
 * The engine's `tail` counts the pieces of long lines. Reads the end of the log until it has the
 * wanted number of lines, and returns the range that starts with the first of them.
 */
async function beginTail(
  access: Pick<ContainerAccess, 'logs'>,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): Promise<LogRange> {
  const { tail, ...rest } = options;
  if (tail === undefined || tail === 0) return { range: options, isWanted: everyLine };
  for (let wanted = tail + 2; ; wanted *= 4) {
    const read = { ...rest, follow: false, tail: wanted };
    const { lines, pieces } = await readStamps(access, containerId, read, signal);
    const isCut = pieces >= wanted;
    const start = tailStart(lines, tail, isCut);
    if (start !== undefined) {
      const sinceMs = Math.max(Date.parse(start.stamp) || 0, rest.sinceMs ?? 0);
      const range = { ...rest, tail: 2 * pieces + grownPieces, sinceMs };
      return { range, isWanted: startingAt(start) };
    }
    if (!isCut || signal.aborted) return { range: rest, isWanted: everyLine };
  }
}

/** Reads timestamp and stream of each line, without the text. */
async function readStamps(
  access: Pick<ContainerAccess, 'logs'>,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): Promise<{ readonly lines: readonly LineStart[]; readonly pieces: number }> {
  const lines: LineStart[] = [];
  const { stream, tty } = await access.logs(containerId, options, signal);
  const reader = lineReader(tty);
  const unfinished = new Map<LogLine['stream'], string>();
  const note = ({ stamp, stream: name, partial }: LogLine): void => {
    // A further part of a line that is passed on in parts starts no line.
    if (unfinished.get(name) !== stamp) lines.push({ stamp, stream: name });
    if (partial === true) unfinished.set(name, stamp);
    else unfinished.delete(name);
  };
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) reader.push(chunk).forEach(note);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  reader.end().forEach(note);
  return { lines, pieces: reader.pieces };
}

type LineStart = Pick<LogLine, 'stamp' | 'stream'>;

async function* readLog(
  access: Pick<ContainerAccess, 'logs'>,
  containerId: string,
  options: LogOptions,
  signal: AbortSignal,
): AsyncGenerator<readonly LogLine[]> {
  const { stream, tty } = await access.logs(containerId, options, signal);
  const reader = lineReader(tty);
  try {
    for await (const chunk of stream as AsyncIterable<Uint8Array>) {
      const batch = reader.push(chunk);
      if (batch.length > 0) yield batch;
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
  const rest = reader.end();
  if (rest.length > 0) yield rest;
}
