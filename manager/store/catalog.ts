/*
 * Entries of a cluster in a service catalog such as Consul's. The terms are the catalog's: a
 * catalog node is a machine, a catalog service is one address and port on it.
 */

export interface CatalogNode {
  readonly name: string;
  /** Underlay address. */
  readonly address: string;
  readonly healthy: boolean;
  /** Reason for the health state; empty while healthy. */
  readonly output: string;
}

export interface CatalogService {
  readonly id: string;
  /** Name of its catalog node. */
  readonly node: string;
  readonly name: string;
  readonly address: string;
  /** Port; 0 if the service has none. */
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
  /** Names of nodes registered by others, or on which others have registered services. */
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

/** A catalog that the cluster maintains its own entries in. */
export interface Catalog {
  /** Reads the cluster's own entries. */
  read(): Promise<CatalogEntries>;
  /** Carries out the operations in order; if it throws, some may have been carried out. */
  apply(operations: readonly CatalogOperation[]): Promise<void>;
}
