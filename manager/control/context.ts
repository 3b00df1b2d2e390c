import type { Clock } from '../common/base/clock.js';
import type { Logger } from '../common/base/log.js';
import type { NewId } from '../common/base/random.js';
import type {
  ControlCallMap,
  ControlCallName,
  ControlStreamMap,
  ManagerEntry,
  ManagerInfo,
  PlannedStep,
  TaskLogLine,
} from '../common/protocol/control.js';
import type { Peer } from '../transport/peer.js';
import type { CaStatus, MadeToken } from '../common/protocol/security.js';
import type { StatsMessage } from '../common/protocol/statistics.js';
import type { WorkerCalls } from '../common/protocol/worker-calls.js';
import type { ClusterStore, TableName, Transaction } from '../store/store.js';
import type { AuditLog } from './audit-log.js';

/** Lines of many tasks in one order, in batches. */
export type ReadLogs = (
  args: ControlStreamMap['logs']['args'],
  signal: AbortSignal,
) => AsyncIterable<readonly TaskLogLine[]>;

/** What containers and machines use. */
export interface Statistics {
  /** Everything known, at once, then each second what has changed; returns the way to end it. */
  subscribe(listener: (message: StatsMessage) => void): () => void;
  /** Everything known. */
  read(): StatsMessage;
}

/** The managers of the cluster. */
export interface ManagerDirectory {
  list(): Promise<readonly ManagerEntry[]>;
  /** Takes one that is gone for good off the list. */
  forget(nodeId: string): Promise<void>;
}

/** What is about trust: keys, certificates, tokens. */
export interface ClusterSecurity {
  status(): CaStatus;
  requestAuthority(): Promise<string>;
  installAuthority(certificate: string): Promise<void>;
  finishRotation(force: boolean): Promise<string>;
  /** What the manager on this node signed with is refused, once nobody needs it. Never fails. */
  retireAuthority(nodeId: string): Promise<void>;
  /** Seals every secret anew; returns how many. */
  rotateKey(): Promise<number>;
  createToken(order: {
    readonly ttlMs: number;
    readonly uses: number | undefined;
    readonly label: string;
  }): Promise<MadeToken>;
  rotateToken(id: string): Promise<MadeToken>;
}

export interface StoredObject {
  readonly table: TableName;
  readonly value: object;
}
export type Seal = (object: StoredObject) => StoredObject;

/** Takes a change through all decisions on a copy of the state; returns what it would lead to. */
export type Preview = <Result>(
  project: string,
  change: (tx: Transaction) => Result,
) => Promise<{ readonly result: Result; readonly steps: readonly PlannedStep[] }>;

export interface ControlOptions {
  /** What turns an object into what may leave the manager: secrets are sealed. */
  readonly seal?: Seal;
  readonly store: ClusterStore;
  readonly clock: Clock;
  readonly log: Logger;
  readonly newId: NewId;
  readonly workers: WorkerCalls;
  readonly readLogs: ReadLogs;
  readonly statistics: Statistics;
  /** For dry runs; without it they tell of the project's objects only. */
  readonly preview?: Preview;
  readonly managers: ManagerDirectory;
  /** Not there on a manager that was given no authority. */
  readonly security?: ClusterSecurity;
  /** What does not stand in the store. */
  readonly manager: Omit<ManagerInfo, 'nodes' | 'services' | 'tasks'>;
}

export interface CallContext extends ControlOptions {
  /** Who asks. */
  readonly peer: Peer;
  readonly audit: AuditLog;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** One function per call: arguments as they came over the wire. */
export type ControlCalls = {
  readonly [Name in ControlCallName]: (
    context: CallContext,
    args: unknown,
  ) => Promise<ControlCallMap[Name]['result']>;
};
