import { AppError } from '../common/base/errors.js';
import type { NewId } from '../common/base/random.js';
import type { ExecOptions } from '../common/protocol/worker-calls.js';
import type { PlacedContainer } from './find-container.js';

/** An exec instance: created by one request, started by a second. */
export interface Exec {
  readonly id: string;
  readonly item: PlacedContainer;
  readonly options: ExecOptions;
  readonly state: 'made' | 'running' | 'ended';
  /** Worker stream of a running exec, used by `resize`. */
  readonly streamId?: string;
  readonly exitCode?: number;
}

const maxKept = 1_000;

/**
 * Exec instances of this leader. They are not stored: after a failover clients must create new
 * ones.
 */
export class ExecRegistry {
  readonly #newId: NewId;
  readonly #known = new Map<string, Exec>();

  constructor(newId: NewId) {
    this.#newId = newId;
  }

  make(item: PlacedContainer, options: ExecOptions): Exec {
    const exec: Exec = { id: this.#newId(), item, options, state: 'made' };
    this.#known.set(exec.id, exec);
    if (this.#known.size > maxKept) this.#evictOldest();
    return exec;
  }

  /** Throws `not-found` for an unknown ID. */
  get(id: string): Exec {
    const exec = this.#known.get(id);
    if (exec === undefined) throw new AppError('not-found', `No such exec instance: ${id}`);
    return exec;
  }

  change(id: string, changes: Partial<Exec>): void {
    const exec = this.#known.get(id);
    if (exec !== undefined) this.#known.set(id, { ...exec, ...changes });
  }

  #evictOldest(): void {
    for (const { id, state } of this.#known.values()) {
      if (state === 'running') continue;
      this.#known.delete(id);
      return;
    }
  }
}
