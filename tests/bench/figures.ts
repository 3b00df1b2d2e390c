import { AppError } from '../../manager/common/base/errors.js';

/** The median; for an even count, the mean of the two middle values. Throws without values. */
export function median(values: readonly number[]): number {
  if (values.length === 0) throw new AppError('invalid', 'no values to take the median of');
  const sorted = [...values].sort((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

/** One line of a benchmark's report: the subject, median, worst value, single runs and target. */
export function figure(
  subject: string,
  unit: string,
  values: readonly number[],
  target?: string,
): string {
  const runs = values.map((value) => value.toFixed(2)).join(' ');
  const goal = target === undefined ? '' : `  (target ${target})`;
  return `${subject}: median ${median(values).toFixed(2)} ${unit}, worst ${Math.max(...values).toFixed(2)}, runs ${runs}${goal}`;
}

export function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
