import type { TableName } from './store.js';

/** One durable write; an undefined value removes. Objects are plain JSON values. */
export interface DurableWrite {
  readonly table: TableName;
  readonly id: string;
  readonly value: object | undefined;
}

/**
 * Where the store is kept. One writer. `commit` resolves when the whole batch survives `kill -9` and power
 * loss, all or nothing; it rejects with `conflict` when somebody else wrote in between.
 */
export interface Backend {
  /** Short name for `version` and `info`: `embedded`, `consul`. */
  readonly name: string;
  load(): Promise<readonly { readonly table: TableName; readonly value: object }[]>;
  commit(writes: readonly DurableWrite[]): Promise<void>;
  /** Size of its file; not there when it keeps none on this machine. */
  bytes?(): number | undefined;
  /** Resolves when nothing can be written any more until it is opened again. */
  readonly lost?: Promise<unknown>;
  close(): Promise<void>;
}
