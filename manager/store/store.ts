import type { Config, Secret } from '../common/model/secret.js';
import type { ClientRecord } from '../common/model/trust/client.js';
import type { ProjectUsage } from '../common/model/trust/project-quota.js';
import type { ProjectRecord } from '../common/model/trust/project-policy.js';
import type { JoinToken } from '../common/model/trust/join-token.js';
import type { ImageRecord } from '../common/model/trust/image-record.js';
import type { Lease, Network, Volume } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import type { Service } from '../common/model/service.js';
import type { Actor } from '../common/model/task-state.js';
import type { Task } from '../common/model/task.js';
import type { PlacementView } from './indexes/placement-index.js';
import type { AuditRecord, EventRecord, AuditOrigin } from './journal.js';
import type { Meta } from '../common/model/meta.js';

/**
 * The cluster state: one versioned snapshot in memory, written through to a backend, with a gapless
 * change feed.
 *
 * Reads and decisions are synchronous over `view`, so a decision sees a consistent snapshot.
 * `update` runs its function after all earlier updates, validates every write (object versions,
 * task state transitions, unique names), writes the changes of all queued updates to the backend as
 * one batch, and only then makes them visible: readers see only acknowledged state. Observations (a
 * running task's status, a node's status) skip the backend, see durable.ts.
 */
export interface ClusterStore {
  readonly view: StoreView;
  /** Runs `change`; resolves with its result once the writes are durable and visible. */
  update<Result>(
    actor: Actor,
    change: (tx: Transaction) => Result,
    origin?: AuditOrigin,
  ): Promise<Result>;
  /**
   * Calls `listener` synchronously after each commit, in order. Returns the unsubscribe function.
   */
  watch(listener: (commit: Commit) => void): () => void;
  /** Registers a hook that adds writes to each batch. Returns the unregister function. */
  addBatchHook(companion: BatchHook): () => void;
  close(): Promise<void>;
}

export interface Tables {
  readonly nodes: Node;
  readonly services: Service;
  readonly tasks: Task;
  readonly networks: Network;
  readonly volumes: Volume;
  readonly images: ImageRecord;
  readonly secrets: Secret;
  readonly configs: Config;
  readonly leases: Lease;
  readonly cluster: ClusterRecord;
  /** Settings of projects; a project without settings has no record. */
  readonly projects: ProjectRecord;
  readonly events: EventRecord;
  readonly audit: AuditRecord;
}
export type TableName = keyof Tables;

/** The single record with id `cluster`: state of the cluster as a whole. */
export interface ClusterRecord extends Meta {
  readonly id: 'cluster';
  readonly clusterId: string;
  readonly name: string;
  /** Ids of nodes whose certificates are revoked. */
  readonly revoked: readonly string[];
  /** Ids of replaced authorities; certificates they signed are rejected (ca/pki-peer.ts). */
  readonly refusedAuthorities?: readonly string[];
  /** Serial numbers of revoked client certificates, lower-case hex. */
  readonly refusedClients?: readonly string[];
  /** CA rotation in progress, see ca/rotation.ts. */
  readonly rotation?: {
    readonly from: string;
    readonly to: string;
    readonly startedAt: number;
  };
  /** Ids of the authorities that each manager holds or has held, by node id. */
  readonly authorities?: Readonly<Record<string, readonly string[]>>;
  /**
   * Authorities of removed managers, revoked once no certificate depends on them
   * (ca/authority-record.ts).
   */
  readonly retiring?: readonly { readonly authority: string; readonly nodeId: string }[];
  readonly tokens?: readonly JoinToken[];
  /** Clients that admins created, sorted by name. */
  readonly clients?: readonly ClientRecord[];
  /** Certificate lifetime of workers and managers, ms; default 90 days. */
  readonly certificateLifetimeMs?: number;
}

/** Read side of the store. All lists are sorted by id. */
export interface StoreView {
  /** Index of the last commit. */
  readonly index: number;
  get<Name extends TableName>(table: Name, id: Tables[Name]['id']): Tables[Name] | undefined;
  list<Name extends TableName>(table: Name): readonly Tables[Name][];
  count(table: TableName): number;
  tasksOfService(id: Service['id']): readonly Task[];
  tasksOfNode(id: Node['id']): readonly Task[];
  tasksOfNetwork(id: Network['id']): readonly Task[];
  tasksOfContainerName(name: string): readonly Task[];
  /** Tasks whose container's id starts with the same 12 characters. */
  tasksOfContainer(id: string): readonly Task[];
  /** Tasks whose container's id starts with these hexadecimal digits. */
  tasksOfContainerPrefix(prefix: string): readonly Task[];
  /** Services whose spec gives their container this name. */
  servicesOfContainerName(name: string): readonly Service[];
  servicesOfProject(project: string): readonly Service[];
  /** Services that wait for this one or share its namespaces or volumes. */
  dependentsOfService(project: string, service: string): readonly Service[];
  globalServices(): readonly Service[];
  /** Services with a fixed address on the network of this name. */
  servicesWithAddressOn(network: string): readonly Service[];
  /** Usage of a project's tasks and volumes, and of its tasks by node. */
  usageOfProject(project: string): {
    readonly total: ProjectUsage;
    readonly byNode: ReadonlyMap<Node['id'] | undefined, ProjectUsage>;
  };
  /** Services of a project with tasks that wait for quota. */
  servicesOverQuota(project: string): readonly Service['id'][];
  /** Address leases of a network, gateways among them. */
  leasesOfNetwork(id: Network['id']): readonly Lease[];
  /**
   * Host port and gateway leases of a node, and leases it holds until its tasks' end is confirmed.
   */
  leasesOfNode(id: Node['id']): readonly Lease[];
  /** The gateway of a node on a network. */
  gatewayLease(node: Node['id'], network: Network['id']): Lease | undefined;
  leasesOfTask(id: Task['id']): readonly Lease[];
  /** Networks that are being removed. */
  removingNetworks(): readonly Network[];
  serviceByName(name: string): Service | undefined;
  nodeByName(name: string): Node | undefined;
  networkByName(name: string): Network | undefined;
  volumeByName(name: string): Volume | undefined;
  secretByName(name: string): Secret | undefined;
  configByName(name: string): Config | undefined;
}

/** An object to create; the store fills in `version`, `createdAt` and `updatedAt`. */
export type Draft<T extends Meta> = Omit<T, keyof Meta> & Partial<Meta>;

/** Write side of the store; reads include the transaction's own writes. */
export interface Transaction extends StoreView {
  readonly now: number;
  /** Facts about all tasks that placements depend on. */
  readonly placement: PlacementView;
  /** Throws `conflict` if the id or name already exists. */
  create<Name extends TableName>(table: Name, object: Draft<Tables[Name]>): Tables[Name];
  /**
   * Replaces an object. Throws `conflict` unless `object.version` is the stored version: modify a
   * copy of an object read from this transaction.
   */
  put<Name extends TableName>(table: Name, object: Tables[Name]): Tables[Name];
  /** Removes an object; succeeds if it does not exist. */
  remove<Name extends TableName>(table: Name, id: Tables[Name]['id']): void;
}

/**
 * Batch hook, called with the commits of a batch before they are written. The returned function
 * runs as one more transaction of the same atomic batch. `isDurable` tells whether the batch is
 * written to disk anyway. After a failed batch the hook is called again for the writers' retries.
 */
export type BatchHook = (
  commits: readonly Commit[],
  isDurable: boolean,
) => ((tx: Transaction) => void) | undefined;

export interface Commit {
  readonly index: number;
  readonly actor: Actor;
  /** The external client that requested the change, if any. */
  readonly origin?: AuditOrigin;
  readonly changes: readonly StoreChange[];
}

export type StoreChange = {
  [Name in TableName]: {
    readonly table: Name;
    readonly id: string;
    readonly before?: Tables[Name] | undefined;
    readonly after?: Tables[Name] | undefined;
  };
}[TableName];
