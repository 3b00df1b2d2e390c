import { AppError } from '../common/base/errors.js';
import type { NewId } from '../common/base/random.js';
import type { ExecOptions } from '../common/protocol/worker-calls.js';
import type { Placed } from './find-container.js';

/** A further process in a container: first made, then started, by two requests. */
export interface Exec {
  readonly id: string;
  readonly item: Placed;
  readonly options: ExecOptions;
  readonly state: 'made' | 'running' | 'ended';
  /** Once it runs: what `resize` names. */
  readonly streamId?: string;
  readonly exitCode?: number;
}

const maxKept = 1_000;

/** Those of this leader: with another one they are not found, and their clients make new ones. */
export class Execs {
  readonly #newId: NewId;
  readonly #known = new Map<string, Exec>();

  constructor(newId: NewId) {
    this.#newId = newId;
  }

  make(item: Placed, options: ExecOptions): Exec {
    const exec: Exec = { id: this.#newId(), item, options, state: 'made' };
    this.#known.set(exec.id, exec);
    if (this.#known.size > maxKept) this.#forgetOne();
    return exec;
  }

  /** Throws `not-found`. */
  get(id: string): Exec {
    const exec = this.#known.get(id);
    if (exec === undefined) throw new AppError('not-found', `No such exec instance: ${id}`);
    return exec;
  }

  change(id: string, changes: Partial<Exec>): void {
    const exec = this.#known.get(id);
    if (exec !== undefined) this.#known.set(id, { ...exec, ...changes });
  }

  #forgetOne(): void {
    for (const { id, state } of this.#known.values()) {
      if (state === 'running') continue;
      this.#known.delete(id);
      return;
    }
  }
}
