import type { ClientAccess } from '../common/model/trust/client.js';
import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type {
  ControlCallMap,
  ControlCallName,
  ControlStreamMap,
  ManagerEntry,
  ManagerInfo,
  TaskLogLine,
} from '../common/protocol/control.js';
import type { PlannedStep } from '../common/protocol/project-calls.js';
import type { Peer } from '../transport/peer.js';
import type { CaStatus, CreatedJoinToken } from '../common/protocol/security.js';
import type { StatsMessage } from '../common/protocol/statistics.js';
import type { WorkerCalls } from '../common/protocol/worker-calls.js';
import type {
  ClusterStore,
  StoreChange,
  StoreView,
  TableName,
  Transaction,
} from '../store/store.js';
import type { AuditLog } from './audit-log.js';

/** Reads the log lines of many tasks, merged in time order, in batches. */
export type ReadLogs = (
  args: ControlStreamMap['logs']['args'],
  signal: AbortSignal,
) => AsyncIterable<readonly TaskLogLine[]>;

/** Resource usage of containers and machines. */
export interface Statistics {
  /**
   * Sends a full snapshot at once, then changes each second. Returns a function that unsubscribes.
   */
  subscribe(listener: (message: StatsMessage) => void): () => void;
  /** Returns a full snapshot. */
  read(): StatsMessage;
}

/** Membership list of the managers. */
export interface ManagerDirectory {
  list(): Promise<readonly ManagerEntry[]>;
  /** Removes a manager that is permanently gone from the list. */
  forget(nodeId: string): Promise<void>;
}

/** Management of keys, certificates and join tokens. */
export interface ClusterSecurity {
  status(): CaStatus;
  requestAuthority(): Promise<string>;
  installAuthority(certificate: string): Promise<void>;
  finishRotation(force: boolean): Promise<string>;
  /**
   * Retires the intermediate CA of the manager on this node: refused once unused. Never rejects.
   */
  retireAuthority(nodeId: string): Promise<void>;
  /** Re-encrypts every secret with a new key; returns the number of secrets. */
  rotateKey(): Promise<number>;
  createToken(order: {
    readonly ttlMs: number;
    readonly uses: number | undefined;
    readonly label: string;
  }): Promise<CreatedJoinToken>;
  rotateToken(id: string): Promise<CreatedJoinToken>;
  /** Signs the request of a client; returns the chain, PEM. */
  signClient(name: string, request: string, lifetimeMs: number): Promise<string>;
}

export interface StoredObject {
  readonly table: TableName;
  readonly value: object;
}
export type Seal = (object: StoredObject) => StoredObject;

/**
 * Dry run: applies a change to a copy of the state, runs all decisions and returns the changes of
 * the objects and the planned steps of a project; without one, of the projects that it affects.
 */
export type Preview = <Result>(
  project: string | undefined,
  change: (tx: Transaction) => Result,
) => Promise<{
  readonly result: Result;
  readonly changes: readonly StoreChange[];
  readonly steps: readonly PlannedStep[];
}>;

export interface ControlOptions {
  /** Encrypts secret values of an object before it leaves the manager. */
  readonly seal?: Seal;
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly workers: WorkerCalls;
  readonly readLogs: ReadLogs;
  readonly statistics: Statistics;
  /** Used by dry runs; without it a dry run lists only the project's objects. */
  readonly preview?: Preview;
  readonly managers: ManagerDirectory;
  /** Absent on a manager without an intermediate CA. */
  readonly security?: ClusterSecurity;
  /** Manager facts that are not in the store. */
  readonly manager: Omit<ManagerInfo, 'nodes' | 'services' | 'tasks'>;
}

export interface CallContext extends ControlOptions {
  /** The authenticated caller. */
  readonly peer: Peer;
  readonly access: ClientAccess;
  /** The whole cluster; `store` has the objects that the caller may see. */
  readonly clusterView: StoreView;
  readonly audit: AuditLog;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

/** One handler per call; it gets the unchecked arguments from the wire. */
export type ControlCalls = {
  readonly [Name in ControlCallName]: (
    context: CallContext,
    args: unknown,
  ) => Promise<ControlCallMap[Name]['result']>;
};
