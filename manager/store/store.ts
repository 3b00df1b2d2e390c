import type { Config, Secret } from '../common/model/secret.js';
import type { JoinToken } from '../common/model/join-token.js';
import type { Lease, Network, Volume } from '../common/model/network.js';
import type { Node } from '../common/model/node.js';
import type { Service } from '../common/model/service.js';
import type { Actor } from '../common/model/task-state.js';
import type { Task } from '../common/model/task.js';
import type { AuditRecord, EventRecord, Origin } from './journal.js';
import type { Meta } from '../common/model/meta.js';

/**
 * The cluster's state: one versioned snapshot in memory, written through to a backend, with a change feed
 * that has no gap to the snapshot.
 *
 * All reading and deciding is synchronous over `view`, so what a decision sees is one moment. `update`
 * runs its function when the writes before it are in memory, checks every write (object versions, the
 * table of task transitions, unique names), writes the changes of all updates that waited as one batch to
 * the backend, and only then shows them: what anyone sees was acknowledged by the disk. Writes that only
 * observe (a running task's status, a node's status) skip the backend, see durable.ts.
 */
export interface ClusterStore {
  readonly view: StoreView;
  /** Runs `change` and resolves with what it returned once the writes are durable and visible. */
  update<Result>(
    actor: Actor,
    change: (tx: Transaction) => Result,
    origin?: Origin,
  ): Promise<Result>;
  /** Called after each commit, in order, synchronously. Returns the way to end it. */
  watch(listener: (commit: Commit) => void): () => void;
  /** Has something written together with what others write. Returns the way to end it. */
  accompany(companion: Companion): () => void;
  close(): Promise<void>;
}

export interface Tables {
  readonly nodes: Node;
  readonly services: Service;
  readonly tasks: Task;
  readonly networks: Network;
  readonly volumes: Volume;
  readonly secrets: Secret;
  readonly configs: Config;
  readonly leases: Lease;
  readonly cluster: ClusterRecord;
  readonly events: EventRecord;
  readonly audit: AuditRecord;
}
export type TableName = keyof Tables;

/** One record with id `cluster`: what belongs to the cluster as a whole. */
export interface ClusterRecord extends Meta {
  readonly id: 'cluster';
  readonly clusterId: string;
  readonly name: string;
  /** Node ids whose certificates are refused. */
  readonly revoked: readonly string[];
  /** Ids of authorities that were replaced: what they signed is refused (ca/pki-peer.ts). */
  readonly refusedAuthorities?: readonly string[];
  /** Serial numbers of clients' certificates that are refused, lower-case hex. */
  readonly refusedClients?: readonly string[];
  /** An authority that is being replaced, see ca/rotation.ts. */
  readonly rotation?: {
    readonly from: string;
    readonly to: string;
    readonly startedAt: number;
  };
  /** Ids of the authorities that each manager holds or has held, by its node. */
  readonly authorities?: Readonly<Record<string, readonly string[]>>;
  /** Authorities of removed managers, refused once nobody needs them (ca/retirement.ts). */
  readonly retiring?: readonly { readonly authority: string; readonly nodeId: string }[];
  readonly tokens?: readonly JoinToken[];
  /** How long certificates of workers and managers last; 90 days unless set. */
  readonly certificateLifetimeMs?: number;
}

/** Read side. Lists are in order of id unless said otherwise. */
export interface StoreView {
  /** Raised by every commit. */
  readonly index: number;
  get<Name extends TableName>(table: Name, id: Tables[Name]['id']): Tables[Name] | undefined;
  list<Name extends TableName>(table: Name): readonly Tables[Name][];
  count(table: TableName): number;
  tasksOfService(id: Service['id']): readonly Task[];
  tasksOfNode(id: Node['id']): readonly Task[];
  tasksOfNetwork(id: Network['id']): readonly Task[];
  servicesOfProject(project: string): readonly Service[];
  /** Address leases of a network, gateways among them. */
  leasesOfNetwork(id: Network['id']): readonly Lease[];
  /** Host ports of a node, its gateway leases and those fenced by it. */
  leasesOfNode(id: Node['id']): readonly Lease[];
  leasesOfTask(id: Task['id']): readonly Lease[];
  serviceByName(name: string): Service | undefined;
  nodeByName(name: string): Node | undefined;
  networkByName(name: string): Network | undefined;
  volumeByName(name: string): Volume | undefined;
  secretByName(name: string): Secret | undefined;
  configByName(name: string): Config | undefined;
}

/** An object as it is written: the store fills in `version` and times. */
export type Draft<T extends Meta> = Omit<T, keyof Meta> & Partial<Meta>;

/** Write side: reads see this transaction's own writes. */
export interface Transaction extends StoreView {
  readonly now: number;
  /** Fails as `conflict` when the id exists. */
  create<Name extends TableName>(table: Name, object: Draft<Tables[Name]>): Tables[Name];
  /**
   * Replaces. `object.version` must be the one stored now, else `conflict`: take the object from this
   * transaction's reads and change a copy.
   */
  put<Name extends TableName>(table: Name, object: Tables[Name]): Tables[Name];
  /** Fine when it is not there. */
  remove<Name extends TableName>(table: Name, id: Tables[Name]['id']): void;
}

/**
 * Called with the commits of a batch before it is written and shown: what it returns is run as one more
 * transaction of the batch, so that both are there or neither. `isDurable` tells whether the batch goes to
 * disk anyway. Called again for the same things when the batch fails and is tried again by its writers.
 */
export type Companion = (
  commits: readonly Commit[],
  isDurable: boolean,
) => ((tx: Transaction) => void) | undefined;

export interface Commit {
  readonly index: number;
  readonly actor: Actor;
  /** On whose behalf, where somebody outside asked for it. */
  readonly origin?: Origin;
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
