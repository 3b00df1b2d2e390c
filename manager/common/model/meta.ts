/**
 * Metadata of every stored object. `version`: optimistic lock, incremented by the store at each
 * write.
 */
export interface Meta {
  readonly version: number;
  /** Milliseconds since the epoch, the leader's clock. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type Labels = Readonly<Record<string, string>>;

/** JSON in the Engine API's format, passed through for keys that the cluster does not interpret. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;
