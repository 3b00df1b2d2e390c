/*
 * What other programs find of a cluster in a catalog of services such as Consul's. Names are the
 * catalog's: a catalog node is a machine, a catalog service one address and port on it.
 */

export interface CatalogNode {
  readonly name: string;
  /** Underlay address. */
  readonly address: string;
  readonly healthy: boolean;
  /** Why it is as it is. */
  readonly output: string;
}

export interface CatalogService {
  readonly id: string;
  /** Name of its catalog node. */
  readonly node: string;
  readonly name: string;
  readonly address: string;
  /** 0 when it has none. */
  readonly port: number;
  readonly tags: readonly string[];
  readonly meta: Readonly<Record<string, string>>;
  readonly healthy: boolean;
  readonly output: string;
}

/** The cluster's own entries, nodes by name and services by id. */
export interface CatalogEntries {
  readonly nodes: ReadonlyMap<string, CatalogNode>;
  readonly services: ReadonlyMap<string, CatalogService>;
  /** Names of nodes that belong to somebody else, or that somebody else has put services on. */
  readonly foreign: ReadonlySet<string>;
}

export type CatalogOperation =
  | { readonly kind: 'put-node'; readonly node: CatalogNode }
  | { readonly kind: 'put-service'; readonly service: CatalogService }
  | {
      readonly kind: 'remove-service';
      readonly id: string;
      readonly node: string;
      readonly name: string;
    }
  | { readonly kind: 'remove-node'; readonly name: string };

/** A catalog of which we keep a part. */
export interface Catalog {
  /** What is there of ours. */
  read(): Promise<CatalogEntries>;
  /** In order; may stop half-way when it throws. */
  apply(operations: readonly CatalogOperation[]): Promise<void>;
}
