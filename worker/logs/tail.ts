import type { LogLine } from '../../manager/common/protocol/worker-calls.js';

/** Start of the last lines of a log: lines before it are left out. */
export interface TailStart {
  /** Timestamp of the first line. */
  readonly stamp: string;
  /** Number of earlier lines with the same timestamp. */
  readonly skip: number;
}

/**
 * Finds the start of the last `count` lines. `isCut` means that `lines` are only the end of the log,
 * so the first line of each stream may lack its beginning and does not count. Undefined if there are
 * fewer lines.
 */
export function tailStart(
  lines: readonly Pick<LogLine, 'stamp' | 'stream'>[],
  count: number,
  isCut: boolean,
): TailStart | undefined {
  const seen = new Set<string>();
  const whole = lines.filter(({ stream }) => {
    const isFirst = !seen.has(stream);
    seen.add(stream);
    return !isCut || !isFirst;
  });
  if (whole.length < count) return undefined;
  const stamps = whole.map(({ stamp }) => stamp).sort();
  const first = stamps.length - count;
  const stamp = stamps[first] ?? '';
  const before = lines.filter((line) => line.stamp === stamp).length;
  const kept = stamps.slice(first).filter((other) => other === stamp).length;
  return { stamp, skip: before - kept };
}

/** Returns a filter that leaves out the lines before the start. */
export function startingAt({ stamp, skip }: TailStart): (line: LogLine) => boolean {
  let left = skip;
  return (line) => {
    if (line.stamp !== stamp) return line.stamp > stamp;
    if (left === 0) return true;
    left -= 1;
    return false;
  };
}
