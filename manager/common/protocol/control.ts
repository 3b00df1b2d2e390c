import type { Config, Secret } from '../model/secret.js';
import type { Labels } from '../model/meta.js';
import type { Network, NetworkSpec, Volume, VolumeSpec } from '../model/network.js';
import type { Node, NodeSpec } from '../model/node.js';
import type { Service } from '../model/service.js';
import type { Task } from '../model/task.js';
import type { PlannedStep, ProjectCallMap } from './project-calls.js';
import type { ClientCallMap, SecurityCallMap } from './security.js';
import type { ServiceCallMap } from './service-calls.js';
import type {
  BuildQuery,
  CommitOptions,
  ExecOptions,
  LogLine,
  LogOptions,
  RegistryAuth,
  NodeImage,
} from './worker-calls.js';

export interface DataCreateRequest {
  readonly name: string;
  /** Project of the object; none unless set. */
  readonly project?: string;
  readonly labels: Labels;
  /** base64 */
  readonly data: string;
}

export interface DataUpdateRequest {
  readonly name: string;
  readonly labels: Labels;
  readonly version: number;
}

/** Answer of `preview`: the effects that a call would have. */
export interface CallPreview {
  /** Changes of objects as the audit log describes them. */
  readonly changes: readonly string[];
  /** Container operations that would follow, in order. */
  readonly steps: readonly PlannedStep[];
}

/** Calls that `preview` can plan: they do nothing but one update of the store. */
export const previewableCalls = [
  'project.remove',
  'service.scale',
  'service.halt',
  'service.roll',
  'service.rollback',
  'service.clean',
  'node.update',
  'network.create',
  'network.remove',
  'volume.create',
  'volume.remove',
  'secret.create',
  'secret.remove',
  'config.create',
  'config.remove',
  'project.set-policy',
  'project.set-quota',
] as const satisfies readonly (keyof ControlCallMap)[];
export type PreviewableCall = (typeof previewableCalls)[number];

export interface ImageOnNode extends NodeImage {
  readonly nodeId: string;
  readonly node: string;
}

export interface ServiceRef {
  readonly project: string;
  /** Compose key. */
  readonly service: string;
}

export interface TaskRef extends ServiceRef {
  /** Slot number; undefined selects the lowest running slot. */
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
  /** Whether the manager's health check passes; always true for a single manager. */
  readonly alive: boolean;
  readonly leader: boolean;
}

export interface RecordedImage {
  /** Whether the name has a content in the cluster. */
  readonly isRecorded: boolean;
  /** Present if nodes have other contents, with their names. */
  readonly problem?: string;
}

export interface PinnedImage {
  /** Undefined if the content came from no registry, or its digest could not be read. */
  readonly digest?: string;
  /** Why the registry could not be asked. */
  readonly problem?: string;
}

/**
 * Client calls by name. Errors return as `{kind, message, detail?}` with the HTTP status of the
 * kind.
 */
export interface ControlCallMap
  extends ProjectCallMap, ClientCallMap, SecurityCallMap, ServiceCallMap {
  info: { args: Record<string, never>; result: ManagerInfo };
  /** Plans a call with these arguments and changes nothing. Throws the errors of that call. */
  preview: {
    args: { readonly call: PreviewableCall; readonly args: object };
    result: CallPreview;
  };
  /** Nodes that have an image, with its details on each; unreachable nodes are omitted. */
  'image.find': { args: { readonly image: string }; result: readonly ImageOnNode[] };
  /** Resolves an image name to its digest in the registry, `sha256:…`, through a node. */
  'image.resolve': {
    args: { readonly image: string; readonly auth?: RegistryAuth };
    result: string;
  };
  /**
   * Pins an image name to the digest that its registry has now, for all nodes; with `refresh: false`
   * only if the name has no content in the cluster yet.
   */
  'image.pin': {
    args: { readonly image: string; readonly auth?: RegistryAuth; readonly refresh: boolean };
    result: PinnedImage;
  };
  /**
   * Removes an image from every ready node that does not use it. Returns the names of these nodes.
   */
  'image.remove': { args: { readonly image: string }; result: readonly string[] };
  /**
   * Records which content an image name has in the cluster: that of the node after an image was
   * `made` there, the one that all nodes have after `nodes` have `pulled` it or it was `deployed`,
   * none after it was `removed`. A deployment changes no record.
   */
  'image.record': {
    args: {
      readonly image: string;
      readonly event: 'made' | 'pulled' | 'deployed' | 'removed';
      /** One node for `made`, all that were asked to pull for `pulled`. */
      readonly nodes?: readonly string[];
      /** The digest that `nodes` have pulled. */
      readonly digest?: string;
    };
    result: RecordedImage;
  };
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
  /** File information for a path in a container; null if the path does not exist. */
  'task.stat-path': {
    args: TaskRef & { readonly path: string };
    result: { readonly name: string; readonly isFolder: boolean } | null;
  };
  'task.inspect': { args: TaskRef; result: unknown };
  /** Creates an image from a container, on its node. Returns the image id. */
  'task.commit': { args: TaskRef & CommitOptions; result: string };
  'node.list': { args: Record<string, never>; result: readonly Node[] };
  /** `node` is an id, id prefix or name. */
  'node.update': {
    args: {
      readonly node: string;
      readonly availability?: NodeSpec['availability'];
      /** With `drain`: tasks stop at once, whether or not another node has room for them. */
      readonly force?: boolean;
      readonly labelAdd?: Labels;
      readonly labelRemove?: readonly string[];
      /** Throws `conflict` unless the node has this version. */
      readonly version?: number;
    };
    result: Node;
  };
  /** Removes a node that is down or empty (any node with `force`) and revokes its certificate. */
  'node.remove': { args: { readonly node: string; readonly force: boolean }; result: null };
  'manager.list': { args: Record<string, never>; result: readonly ManagerEntry[] };
  /** Removes a permanently lost manager. */
  'manager.remove': { args: { readonly nodeId: string }; result: null };
  'network.list': { args: Record<string, never>; result: readonly Network[] };
  'network.create': { args: NetworkSpec; result: Network };
  'network.remove': { args: { readonly name: string }; result: null };
  'volume.list': { args: Record<string, never>; result: readonly Volume[] };
  'volume.create': { args: VolumeSpec; result: Volume };
  'volume.remove': { args: { readonly name: string; readonly force: boolean }; result: null };
  /** Audit log, oldest first; `client` selects one client, `limit` keeps the latest entries. */
  'audit.list': {
    args: {
      readonly sinceMs?: number;
      readonly untilMs?: number;
      readonly limit?: number;
      readonly client?: string;
    };
    result: readonly AuditEntry[];
  };
  'secret.list': { args: Record<string, never>; result: readonly Omit<Secret, 'data'>[] };
  /** Creates a secret outside any project, for `external: true`. Returns the id. */
  'secret.create': { args: DataCreateRequest; result: string };
  /** Replaces the labels. Throws `conflict` unless the secret has this version. */
  'secret.update': { args: DataUpdateRequest; result: null };
  /** Throws `conflict` while a service uses the secret. */
  'secret.remove': { args: { readonly name: string }; result: null };
  'config.list': { args: Record<string, never>; result: readonly Config[] };
  'config.create': { args: DataCreateRequest; result: string };
  'config.update': { args: DataUpdateRequest; result: null };
  'config.remove': { args: { readonly name: string }; result: null };
}

export type ControlCallName = keyof ControlCallMap;

/** One entry of the audit log. */
export interface AuditEntry {
  readonly number: number;
  readonly at: number;
  readonly who: string;
  readonly role: string;
  /** Serial number of the certificate, lower-case hex. */
  readonly serial?: string;
  /** IP address of the client, also if another manager forwarded the request. */
  readonly from?: string;
  /** Node id of the manager that forwarded the request. */
  readonly via?: string;
  /** Name of the call or stream, or method and path of the Docker API. */
  readonly action: string;
  /**
   * `ok`; `started` for what is recorded before it acts, such as a stream; or the kind of the error.
   */
  readonly result: string;
  /** One line per object that the request changed or concerned. */
  readonly changes: readonly string[];
}

/** Kinds of objects that events are about. */
export const eventTypes = [
  ...(['container', 'service', 'node', 'network', 'volume', 'secret', 'config'] as const),
] as const;
export type EventType = (typeof eventTypes)[number];

/** One line of `events`, in the vocabulary of `docker events`. */
export interface ClusterEvent {
  /** Sequence number, consecutive within the cluster. */
  readonly number: number;
  /** ms since the epoch. */
  readonly at: number;
  readonly type: EventType;
  readonly action: string;
  readonly id: string;
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** Initial snapshot, or one change of a watched table. */
export type WatchMessage =
  | {
      readonly kind: 'snapshot';
      readonly services: readonly Service[];
      readonly tasks: readonly Task[];
      readonly nodes: readonly Node[];
      readonly networks: readonly Network[];
      readonly volumes: readonly Volume[];
      /** Present only with `data`; never includes contents. */
      readonly secrets?: readonly DataInfo[];
      readonly configs?: readonly DataInfo[];
    }
  | { readonly kind: 'put'; readonly table: WatchTable; readonly object: WatchObject }
  | { readonly kind: 'remove'; readonly table: WatchTable; readonly id: string };
/** Tables that clients can watch. */
export const watchTables = [
  'services',
  'tasks',
  'nodes',
  'networks',
  'volumes',
  'secrets',
  'configs',
] as const;
export type WatchTable = (typeof watchTables)[number];
export type WatchObject = Service | Task | Node | Network | Volume | DataInfo;
/** A secret or config without its contents. */
export type DataInfo = Omit<Secret | Config, 'data'>;

/** A log line with its origin, as sent to the client. */
export interface TaskLogLine extends LogLine {
  readonly taskId: string;
  readonly service: string;
  readonly slot: number;
  readonly containerName: string;
  readonly node: string;
}

/**
 * Client streams by name. The client's first message is the arguments as JSON. `watch` and `events`
 * then send one JSON value a message, `logs` sends arrays of `TaskLogLine`, `exec` and `attach`
 * exchange binary frames (frames.ts). A terminal resize is the text message
 * `{"columns":80,"rows":24}`. A failed stream ends with the text message
 * `{"error":{kind,message}}`.
 */
export interface ControlStreamMap {
  /** `data` includes secrets and configs, without their contents. */
  watch: { args: { readonly project?: string; readonly data?: boolean } };
  events: {
    args: {
      readonly project?: string;
      readonly sinceMs?: number;
      readonly untilMs?: number;
      /** Resumes after this event number; replaces `sinceMs`. */
      readonly after?: number;
    };
  };
  /** Sends one `AuditEntry` a message: the stored ones that are asked for, then new ones. */
  audit: {
    args: {
      readonly client?: string;
      readonly sinceMs?: number;
      /** Resumes after this entry; replaces `sinceMs`. */
      readonly after?: number;
    };
  };
  logs: {
    args: {
      readonly project: string;
      /** Compose keys; empty selects all services. */
      readonly services: readonly string[];
      readonly index?: number;
      readonly options: LogOptions;
    };
  };
  exec: { args: TaskRef & { readonly options: ExecOptions } };
  /** `start` attaches to a container with `startOnAttach` before its start and permits it. */
  attach: { args: TaskRef & { readonly stdin: boolean; readonly start?: boolean } };
  /** Pulls an image on one node. Frames: the engine's JSON lines on stdout, then `exit`. */
  pull: {
    args: {
      readonly node: string;
      readonly image: string;
      /** The digest that `image.pin` returned. */
      readonly digest?: string;
      readonly platform?: string;
      readonly auth?: RegistryAuth;
    };
  };
  /** Pushes an image to its registry, from a node that has it. */
  push: { args: { readonly image: string; readonly auth?: RegistryAuth } };
  /** Builds on `node`, or on a node that supports `platform`. Context as frames on stdin. */
  build: {
    args: {
      readonly node?: string;
      readonly platform?: string;
      readonly query: BuildQuery;
      readonly auths: Readonly<Record<string, RegistryAuth>>;
      readonly secrets?: Readonly<Record<string, string>>;
    };
  };
  /** Copies the most recently built image to a node that lacks it or has an older one. */
  fetch: { args: { readonly node: string; readonly image: string; readonly platform?: string } };
  /** Sends a tar of `path` on stdout. */
  'copy-out': { args: TaskRef & { readonly path: string } };
  /** Reads a tar on stdin and extracts it into the directory `path`. */
  'copy-in': { args: TaskRef & { readonly path: string } };
  /** Sends a tar of the container's whole file system on stdout. */
  export: { args: TaskRef };
  /** Sends a backup of the store (backup.ts) on stdout. */
  backup: { args: Record<string, never> };
  /** Sends a `StatsMessage` (statistics.ts) about every second. */
  stats: { args: { readonly project?: string } };
}
export type ControlStreamName = keyof ControlStreamMap;
