import type { Clock } from '../../manager/common/base/clock.js';
import { AppError } from '../../manager/common/base/errors.js';
import type { StoreBackend, DurableWrite } from '../../manager/store/backend.js';
import { MemoryBackend } from '../helpers/stores/memory-backend.js';
import type { Tally } from './tally.js';

export interface Faults {
  readonly clock: Clock;
  readonly random: () => number;
  readonly mayFail: () => boolean;
  readonly tally: Tally;
}

/** A disk that is sometimes slow and sometimes fails; nothing of a failed batch is written. */
export class SlowDisk implements StoreBackend {
  readonly name = 'slow';
  readonly #disk = new MemoryBackend();
  readonly #options: Faults;

  constructor(options: Faults) {
    this.#options = options;
  }

  load(): ReturnType<StoreBackend['load']> {
    return this.#disk.load();
  }

  async commit(writes: readonly DurableWrite[]): Promise<void> {
    const { clock, random, mayFail, tally } = this.#options;
    const isSlow = random() < 0.02;
    if (isSlow) tally.record('disk was slow');
    const takesMs = random() * (isSlow ? 800 : 5);
    await new Promise<void>((resolve) => {
      clock.after(takesMs, resolve);
    });
    if (mayFail() && random() < 0.01) {
      tally.record('disk failed');
      throw new AppError('unavailable', 'the disk failed');
    }
    await this.#disk.commit(writes);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
