import { AppError } from '../../../../manager/common/base/errors.js';
import { type ProgressLine } from './image-answers.js';

/** Throws the error reported by the registry or the engine. */
export function checkLine(line: ProgressLine): void {
  if (line.error !== undefined) throw new AppError('not-found', line.error.split('\n')[0] ?? '');
}

/** Aggregates the download progress of all layers known so far. */
export class PullMeter {
  readonly #layers = new Map<string, { readonly current: number; readonly total: number }>();
  #reported = '';

  /**
   * Returns the new percentage, or undefined if it is unchanged; throws an error reported in a
   * line.
   */
  read(lines: readonly ProgressLine[]): string | undefined {
    for (const line of lines) {
      checkLine(line);
      const { current, total } = line.progressDetail ?? {};
      if (line.id === undefined || line.status !== 'Downloading') continue;
      if (current !== undefined && total !== undefined && total > 0) {
        this.#layers.set(line.id, { current, total });
      }
    }
    if (this.#layers.size === 0) return undefined;
    let [current, total] = [0, 0];
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    const percentage = `${String(Math.floor((100 * current) / total))}%`;
    if (percentage === this.#reported) return undefined;
    this.#reported = percentage;
    return percentage;
  }
}
