import type { Config, Secret } from '../model/secret.js';
import type { DataSpec } from '../model/secret.js';
import type { Labels } from '../model/meta.js';
import type { Network, NetworkSpec, Volume, VolumeSpec } from '../model/network.js';
import type { Node, NodeSpec } from '../model/node.js';
import type { Service, ServiceSpec } from '../model/service.js';
import type { Task } from '../model/task.js';
import type { SecurityCallMap } from './security.js';
import type { ServiceCallMap } from './service-calls.js';
import type {
  BuildQuery,
  CommitOptions,
  ExecOptions,
  LogLine,
  LogOptions,
  OtherContainer,
  RegistryAuth,
  SeenImage,
} from './worker-calls.js';

/** A secret or config to be stored: base64 data. */
export interface DataInput {
  readonly spec: DataSpec;
  readonly data: string;
}

export interface NewData {
  readonly name: string;
  readonly labels: Labels;
  /** base64 */
  readonly data: string;
}

/** What `up` sends: a whole project, or some of its services. */
export interface ProjectApply {
  readonly project: string;
  readonly services: readonly ServiceSpec[];
  readonly networks: readonly NetworkSpec[];
  readonly volumes: readonly VolumeSpec[];
  readonly secrets: readonly DataInput[];
  readonly configs: readonly DataInput[];
  /** Names that must exist already. */
  readonly externalNetworks: readonly string[];
  readonly externalVolumes: readonly string[];
  /** Compose keys of every service of the file, for telling orphans. */
  readonly known: readonly string[];
  readonly removeOrphans: boolean;
  /** Compose keys whose tasks are recreated though nothing changed. */
  readonly forceRecreate: readonly string[];
  /** Keep the number of replicas a service has now where the file does not say (`up` after `scale`). */
  readonly keepReplicas: readonly string[];
  /** Only say what would change. */
  readonly dryRun: boolean;
  /** What a container that has to go is given to stop, in place of the file's grace. */
  readonly timeoutMs?: number;
}

/** One thing that was, or would be, done. */
export interface AppliedChange {
  readonly kind: 'network' | 'volume' | 'secret' | 'config' | 'service';
  readonly name: string;
  readonly action: 'created' | 'updated' | 'unchanged' | 'removed' | 'started';
  readonly cause: string;
}

/** One thing that would happen to a container. */
export interface PlannedStep {
  readonly action: 'stop' | 'create' | 'start';
  readonly container: string;
  /** Name of the node; empty while there is none for it. */
  readonly node: string;
  readonly cause: string;
  /** Why this node, or why none. */
  readonly placement?: string;
}

export interface ProjectApplied {
  readonly changes: readonly AppliedChange[];
  /** With `dryRun`: what would follow, in order. */
  readonly steps?: readonly PlannedStep[];
  /** Services of the project that are not in the file. */
  readonly orphans: readonly string[];
}

export interface ImageOnNode extends SeenImage {
  readonly nodeId: string;
  readonly node: string;
}

export interface ServiceRef {
  readonly project: string;
  /** Compose key. */
  readonly service: string;
}

export interface TaskRef extends ServiceRef {
  /** Slot; undefined is the lowest that runs. */
  readonly index?: number;
}

export interface ManagerInfo {
  readonly clusterId: string;
  readonly clusterName: string;
  readonly version: string;
  readonly nodeId: string;
  readonly leader: boolean;
  readonly store: string;
  readonly nodes: number;
  readonly services: number;
  readonly tasks: number;
}

export interface ManagerEntry {
  readonly nodeId: string;
  /** `host:port`. */
  readonly address: string;
  /** Whether it has been heard of lately. */
  readonly alive: boolean;
  readonly leader: boolean;
}

/** The client's calls by name. Errors come back as `{kind, message, detail?}` with a fitting HTTP status. */
export interface ControlCallMap extends SecurityCallMap, ServiceCallMap {
  info: { args: Record<string, never>; result: ManagerInfo };
  'project.apply': { args: ProjectApply; result: ProjectApplied };
  /** `down`. Marks everything for removal; watch the project until it is empty. */
  'project.remove': {
    args: {
      readonly project: string;
      readonly volumes: boolean;
      readonly services?: readonly string[];
      /** What a container is given to stop, in place of its own grace. */
      readonly timeoutMs?: number;
    };
    result: ProjectApplied;
  };
  'project.list': {
    args: Record<string, never>;
    result: readonly {
      readonly name: string;
      readonly services: number;
      readonly running: number;
    }[];
  };
  /** Containers of the project that another tool made on the engines of nodes. */
  'project.others': {
    args: { readonly project: string };
    result: readonly (OtherContainer & { readonly node: string })[];
  };
  /** Removes those that were made from these files, so that the cluster's can take their names. */
  'project.take-over': {
    args: { readonly project: string; readonly configFiles: string };
    result: null;
  };
  /** Which nodes that answer have an image, and as what. */
  'image.find': { args: { readonly image: string }; result: readonly ImageOnNode[] };
  /** The digest that an image's name has in its registry, `sha256:…`, as a node learns it. */
  'image.resolve': {
    args: { readonly image: string; readonly auth?: RegistryAuth };
    result: string;
  };
  /** Removes an image from every ready node where nothing uses it. Returns the names of these nodes. */
  'image.remove': { args: { readonly image: string }; result: readonly string[] };
  'task.list': {
    args: { readonly project?: string; readonly service?: string; readonly nodeId?: string };
    result: readonly Task[];
  };
  'task.top': {
    args: TaskRef & { readonly psArgs: string };
    result: {
      readonly titles: readonly string[];
      readonly processes: readonly (readonly string[])[];
    };
  };
  /** What is at a path of a container; null when nothing is. */
  'task.stat-path': {
    args: TaskRef & { readonly path: string };
    result: { readonly name: string; readonly isFolder: boolean } | null;
  };
  'task.inspect': { args: TaskRef; result: unknown };
  /** Makes an image of a container, on its node. Returns the image's id. */
  'task.commit': { args: TaskRef & CommitOptions; result: string };
  'node.list': { args: Record<string, never>; result: readonly Node[] };
  /** By id, id prefix or name. */
  'node.update': {
    args: {
      readonly node: string;
      readonly availability?: NodeSpec['availability'];
      readonly labelAdd?: Labels;
      readonly labelRemove?: readonly string[];
    };
    result: Node;
  };
  /** Forgets a node that is down or empty (`force`: also otherwise) and refuses its certificate from now on. */
  'node.remove': { args: { readonly node: string; readonly force: boolean }; result: null };
  'manager.list': { args: Record<string, never>; result: readonly ManagerEntry[] };
  /** Forgets a manager that is gone for good. */
  'manager.remove': { args: { readonly nodeId: string }; result: null };
  'network.list': { args: Record<string, never>; result: readonly Network[] };
  'network.create': { args: NetworkSpec; result: Network };
  'network.remove': { args: { readonly name: string }; result: null };
  'volume.list': { args: Record<string, never>; result: readonly Volume[] };
  'volume.create': { args: VolumeSpec; result: Volume };
  'volume.remove': { args: { readonly name: string; readonly force: boolean }; result: null };
  /** Oldest first; with `limit` the last ones. */
  'audit.list': {
    args: { readonly sinceMs?: number; readonly untilMs?: number; readonly limit?: number };
    result: readonly AuditEntry[];
  };
  'secret.list': { args: Record<string, never>; result: readonly Omit<Secret, 'data'>[] };
  /** Made outside of any project, for `external: true`. Returns the id. */
  'secret.create': { args: NewData; result: string };
  /** Fails as `conflict` while a service uses it. */
  'secret.remove': { args: { readonly name: string }; result: null };
  'config.list': { args: Record<string, never>; result: readonly Config[] };
  'config.create': { args: NewData; result: string };
  'config.remove': { args: { readonly name: string }; result: null };
}

export type ControlCallName = keyof ControlCallMap;

/** Who changed what, as `audit` shows it. */
export interface AuditEntry {
  readonly number: number;
  readonly at: number;
  readonly who: string;
  readonly role: string;
  readonly action: string;
  readonly changes: readonly string[];
}

/** One line of `events`: docker's words. */
export interface ClusterEvent {
  /** Its number: one more than that of the event before it in the cluster. */
  readonly number: number;
  /** ms since the epoch. */
  readonly at: number;
  readonly type: 'container' | 'service' | 'node' | 'network' | 'volume';
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** One change of the watched tables. `remove` names an id. */
export type WatchMessage =
  | {
      readonly kind: 'snapshot';
      readonly services: readonly Service[];
      readonly tasks: readonly Task[];
      readonly nodes: readonly Node[];
      readonly networks: readonly Network[];
      readonly volumes: readonly Volume[];
      /** Only for those who asked for `data`; never with their contents. */
      readonly secrets?: readonly DataSeen[];
      readonly configs?: readonly DataSeen[];
    }
  | { readonly kind: 'put'; readonly table: WatchTable; readonly object: WatchObject }
  | { readonly kind: 'remove'; readonly table: WatchTable; readonly id: string };
export type WatchTable =
  'services' | 'tasks' | 'nodes' | 'networks' | 'volumes' | 'secrets' | 'configs';
export type WatchObject = Service | Task | Node | Network | Volume | DataSeen;
/** A secret or config without what is in it. */
export type DataSeen = Omit<Secret | Config, 'data'>;

/** A log line as the client gets it. */
export interface TaskLogLine extends LogLine {
  readonly taskId: string;
  readonly service: string;
  readonly slot: number;
  readonly containerName: string;
  readonly node: string;
}

/**
 * The client's streams by name. First message from the client: the arguments as JSON. `watch`, `events`
 * answer with one JSON value a message, `logs` with arrays of `TaskLogLine`; `exec` and `attach` speak
 * frames (frames.ts) after it; a terminal's size goes as text `{"columns":80,"rows":24}`.
 * A stream that fails ends with a text message `{"error":{kind,message}}`.
 */
export interface ControlStreamMap {
  /** `data`: also secrets and configs, without their contents. */
  watch: { args: { readonly project?: string; readonly data?: boolean } };
  events: {
    args: {
      readonly project?: string;
      readonly sinceMs?: number;
      readonly untilMs?: number;
      /** Only those with a higher number; in place of `sinceMs`, for one who goes on. */
      readonly after?: number;
    };
  };
  logs: {
    args: {
      readonly project: string;
      /** Empty is all. */
      readonly services: readonly string[];
      readonly index?: number;
      readonly options: LogOptions;
    };
  };
  exec: { args: TaskRef & { readonly options: ExecOptions } };
  /** `replay`: what the container has put out before comes first. */
  attach: { args: TaskRef & { readonly stdin: boolean; readonly replay?: boolean } };
  /** Pulls an image on one node. Frames: the engine's JSON lines on stdout, then `exit`. */
  pull: {
    args: {
      readonly node: string;
      readonly image: string;
      readonly platform?: string;
      readonly auth?: RegistryAuth;
    };
  };
  /** Pushes an image from a node that has it. */
  push: { args: { readonly image: string; readonly auth?: RegistryAuth } };
  /** Builds on `node`, or on one that runs images of `platform`. Context frames on stdin. */
  build: {
    args: {
      readonly node?: string;
      readonly platform?: string;
      readonly query: BuildQuery;
      readonly auths: Readonly<Record<string, RegistryAuth>>;
      readonly secrets?: Readonly<Record<string, string>>;
    };
  };
  /** Brings the image built last to a node that has an older one, or none. */
  fetch: { args: { readonly node: string; readonly image: string; readonly platform?: string } };
  /** A tar of a path, on stdout. */
  'copy-out': { args: TaskRef & { readonly path: string } };
  /** A tar on stdin, unpacked into a folder. */
  'copy-in': { args: TaskRef & { readonly path: string } };
  /** A tar of the whole file system, on stdout. */
  export: { args: TaskRef };
  /** A backup of the store (backup.ts), on stdout. */
  backup: { args: Record<string, never> };
  /** One `StatsMessage` (statistics.ts) about every second. */
  stats: { args: { readonly project?: string } };
}
export type ControlStreamName = keyof ControlStreamMap;
