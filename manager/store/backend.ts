import { count, decode, nonEmptyString, object, orElse } from '../common/base/decode.js';
import type { TableName } from './store.js';

/** One durable write; an undefined `value` removes the object. Objects are plain JSON values. */
export interface DurableWrite {
  readonly table: TableName;
  readonly id: string;
  readonly value: object | undefined;
}

const identified = object({ id: nonEmptyString, version: orElse(count, 0) });

/** Id of a stored object. */
export function idOf(value: object): string {
  return decode(value, identified, 'store object').id;
}

/** Version of a stored object. */
export function versionOf(value: object): number {
  return decode(value, identified, 'store object').version;
}

/**
 * Persistent storage behind the store, with a single writer. `commit` is atomic and resolves when
 * the batch survives `kill -9` and power loss; it rejects with `conflict` if another writer
 * intervened.
 */
export interface StoreBackend {
  /** Short name for `version` and `info`: `embedded`, `consul`. */
  readonly name: string;
  load(): Promise<readonly { readonly table: TableName; readonly value: object }[]>;
  commit(writes: readonly DurableWrite[]): Promise<void>;
  /** Size on local disk in bytes; absent if the backend stores nothing on this machine. */
  bytes?(): number | undefined;
  /** Removes replaced values from the disk; absent if none stay there. Never rejects. */
  compact?(): Promise<void>;
  /** Resolves when the backend becomes unwritable and must be reopened. */
  readonly lost?: Promise<unknown>;
  close(): Promise<void>;
}
