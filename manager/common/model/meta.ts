/** What every stored object carries. `version` is the optimistic lock: the store raises it at each write. */
export interface Meta {
  readonly version: number;
  /** Milliseconds since the epoch, the leader's clock. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export type Labels = Readonly<Record<string, string>>;

/** Values in the Engine API's own words, carried for keys that mean nothing to the cluster. */
export type Json =
  string | number | boolean | null | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = Readonly<Record<string, Json>>;
