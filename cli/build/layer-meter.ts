import type { Meter } from '../output/meter.js';
import { byteMeter } from '../output/meter.js';
import type { EngineLine } from './lines.js';

interface LayerProgress {
  readonly current: number;
  readonly total: number;
}

/**
 * Sums the progress of all layers of a pull or push. The engine announces layers one after the
 * other, so the total may grow.
 */
export class LayerMeter {
  readonly #layers = new Map<string, LayerProgress>();

  /** Updates the sum from a line; undefined until the first layer with a known size. */
  read({ id, status, progressDetail }: EngineLine): Meter | undefined {
    if (id === undefined) return this.#sum();
    const { current, total } = progressDetail ?? {};
    const known = this.#layers.get(id);
    if (status === 'Downloading' || status === 'Pushing') {
      if (current !== undefined && total !== undefined && total > 0) {
        this.#layers.set(id, { current: Math.min(current, total), total });
      }
    } else if (known !== undefined && isTransferred(status)) {
      this.#layers.set(id, { current: known.total, total: known.total });
    }
    return this.#sum();
  }

  #sum(): Meter | undefined {
    if (this.#layers.size === 0) return undefined;
    let [current, total] = [0, 0];
    for (const layer of this.#layers.values()) {
      current += layer.current;
      total += layer.total;
    }
    return byteMeter(current, total);
  }
}

function isTransferred(status: string | undefined): boolean {
  return /^(?:Download complete|Verifying Checksum|Extracting|Pull complete|Pushed)$/u.test(
    status ?? '',
  );
}
