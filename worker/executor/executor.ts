import type { EngineRestart } from '../../manager/common/model/container.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { PublishedPort } from '../../manager/common/model/task.js';
import type { VolumeSpec } from '../../manager/common/model/network.js';
import type { AssignedFile, AssignedTask } from '../../manager/common/protocol/assignments.js';
import type {
  EngineAnswerHead,
  EngineRequest,
} from '../../manager/common/protocol/engine/engine-request.js';
import type {
  CommitOptions,
  EngineImage,
  ExecOptions,
  LogOptions,
  RegistryAuth,
  ForeignContainer,
  NodeImage,
  WorkerStreamRequest,
} from '../../manager/common/protocol/worker-calls.js';

export type EngineContainerState =
  'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'dead' | 'removing';

/** A container of this cluster as last observed on the engine. */
export interface ObservedContainer {
  readonly id: string;
  readonly name: string;
  /** The task it was created for; a later task may have taken it over. */
  readonly taskId: TaskId;
  readonly state: EngineContainerState;
  readonly exitCode?: number;
  /** The engine's error from a failed start. */
  readonly error?: string;
  /** ms since the epoch; undefined unless it is running or paused. */
  readonly startedAt?: number;
  /** Time of the last start (ms since the epoch), set unless it is running or paused. */
  readonly lastStartedAt?: number;
  /** The engine's timestamp of the last exit, which identifies that exit. */
  readonly finishedAt?: string;
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  /** Restarts by the engine since the last explicit start. */
  readonly restarts: number;
  readonly ports: readonly PublishedPort[];
  readonly imageId: string;
  /** Command line of process 1, from image and spec; undefined until inspected. */
  readonly command?: readonly string[];
  /** Names of anonymous volumes that other containers had before; see `borrowedLabel`. */
  readonly inheritedVolumes?: readonly string[];
  /** Paths where anonymous volumes are mounted, sorted; undefined if none. */
  readonly anonymousVolumes?: readonly string[];
  /** Requested static address per engine network name. */
  readonly addresses: Readonly<Record<string, string>>;
}

export function isLiveContainer(container: ObservedContainer): boolean {
  return (
    container.state === 'running' ||
    container.state === 'paused' ||
    container.state === 'restarting'
  );
}

/** Inputs of a container besides its task's record. */
export interface TaskInputs {
  readonly volumes: readonly VolumeSpec[];
  readonly files: readonly AssignedFile[];
  /** In the order of the task's attachments. */
  readonly networks: readonly EngineAttachment[];
  /** Ids of the containers it shares namespaces or volumes with, by Compose service name. */
  readonly leaders?: ReadonlyMap<string, string>;
  /** Address of the worker's DNS server; undefined if the engine's DNS answers. */
  readonly nameserver?: string;
  /**
   * True for a client's container on no network of the cluster: it has the machine's name servers
   * until it is connected to one.
   */
  readonly usesHostResolver?: boolean;
}

export interface EngineAttachment {
  /** Name of the engine's network. */
  readonly engineNetwork: string;
  readonly address: string;
  readonly mac: string;
  /** Aliases for the engine's DNS; empty if the worker's DNS server answers. */
  readonly aliases: readonly string[];
  /** Options for the engine's network driver. */
  readonly driverOpts?: Readonly<Record<string, string>>;
}

/**
 * Cache of the observed containers: complete once `synced` has resolved, and again after each
 * reconnect.
 */
export interface ContainerCache {
  all(): Iterable<ObservedContainer>;
  get(containerId: string): ObservedContainer | undefined;
  /** Resolves after the first complete list from the engine. */
  synced(signal: AbortSignal): Promise<void>;
  readonly hasSynced: boolean;
  /** False while the engine is unreachable; the cache keeps its last content. */
  readonly connected: boolean;
  /** Registers a callback for changes; it receives the container's id. */
  onChange(callback: (containerId: string) => void): void;
  /** Registers a callback for each completed list after a (re)connect. */
  onSync(callback: () => void): void;
}

export type ProgressCallback = (message: string) => void;

/** Makes, runs and removes the containers of tasks. */
export interface TaskExecutor {
  /** Ensures image, volumes and bind sources. A pull may take minutes. */
  prepare(
    task: AssignedTask,
    inputs: TaskInputs,
    progress: ProgressCallback,
    signal: AbortSignal,
  ): Promise<void>;
  /** Creates the container and connects its networks without starting it. Returns its id. */
  create(task: AssignedTask, inputs: TaskInputs, signal: AbortSignal): Promise<string>;
  /** Makes the container join and leave networks until it has these, while it runs or before. */
  connect(
    containerId: string,
    task: AssignedTask,
    inputs: TaskInputs,
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Writes the files that its mounts refer to, reconnects missing networks, then starts the
   * container.
   */
  start(
    containerId: string,
    task: AssignedTask,
    inputs: TaskInputs,
    signal: AbortSignal,
  ): Promise<void>;
  /** Sends the stop signal, and SIGKILL after the grace period. Succeeds if it is not running. */
  stop(containerId: string, graceMs: number, signal: AbortSignal): Promise<void>;
  /** Sets the engine's restart policy of the container. Succeeds if the container is gone. */
  setRestart(containerId: string, restart: EngineRestart, signal: AbortSignal): Promise<void>;
  /** Removes the container with its anonymous volumes and files. Succeeds if it is gone. */
  remove(containerId: string, signal: AbortSignal): Promise<void>;
  /** Disconnects the container from all networks, so that nothing can reach it. */
  isolate(containerId: string, signal: AbortSignal): Promise<void>;
}

/** A user's actions on a running container. */
export interface ContainerControl {
  restart(containerId: string, graceMs: number, signal: AbortSignal): Promise<void>;
  kill(containerId: string, killSignal: string, signal: AbortSignal): Promise<void>;
  pause(containerId: string, signal: AbortSignal): Promise<void>;
  unpause(containerId: string, signal: AbortSignal): Promise<void>;
}

/** Reads from containers and opens processes, logs and files in them. */
export interface ContainerAccess {
  inspect(containerId: string, signal: AbortSignal): Promise<unknown>;
  top(containerId: string, psArgs: string, signal: AbortSignal): Promise<ProcessTable>;
  exec(containerId: string, options: ExecOptions, signal: AbortSignal): Promise<RunningProcess>;
  attach(
    containerId: string,
    options: { readonly stdin: boolean },
    signal: AbortSignal,
  ): Promise<RunningProcess>;
  /** Raw log output; framed unless the container has a TTY. */
  logs(
    containerId: string,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<{ readonly stream: NodeJS.ReadableStream; readonly tty: boolean }>;
  /**
   * The engine's statistics stream of a container: one JSON object per line, about one a second.
   */
  stats(containerId: string, signal: AbortSignal): Promise<NodeJS.ReadableStream>;
  /** Describes a path; undefined if it does not exist. A symlink is followed. */
  statPath(
    containerId: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly isFolder: boolean } | undefined>;
  /** Tar archive of a path in a container, or of the whole file system without a path. */
  readArchive(
    containerId: string,
    path: string | undefined,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream>;
  /** Extracts a tar archive into a directory of a container. */
  writeArchive(
    containerId: string,
    path: string,
    archive: NodeJS.ReadableStream,
    signal: AbortSignal,
  ): Promise<void>;
}

/** Looks up and removes images of this node's engine. */
export interface ImageStore {
  /** The engine's summary of an image; undefined if the image is absent. */
  findImage(image: string, signal: AbortSignal): Promise<NodeImage | undefined>;
  /** All images in the engine's own format. */
  listImages(signal: AbortSignal): Promise<readonly EngineImage[]>;
  /** The engine's record of an image; undefined if the image is absent. */
  inspectImage(image: string, signal: AbortSignal): Promise<unknown>;
  /** Removes an image; false if it is absent or in use by a container. */
  removeImage(image: string, signal: AbortSignal): Promise<boolean>;
  /** The digest of the image in its registry. */
  resolveImage(image: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<string>;
  /** Number of these layers, counted from the lowest, that a local image shares. */
  knownLayers(layers: readonly string[], signal: AbortSignal): Promise<number>;
}

/** Makes images and moves them into and out of the engine. */
export interface ImageTransfer {
  /** Pull, push and build return the engine's JSON lines; a line with `error` is a failure. */
  pullImage(pull: ImagePull, signal: AbortSignal): Promise<NodeJS.ReadableStream>;
  /** Gives a pulled digest its name. */
  tagPulled(pull: ImagePull, signal: AbortSignal): Promise<void>;
  pushImage(
    image: string,
    auth: RegistryAuth | undefined,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream>;
  buildImage(
    context: NodeJS.ReadableStream,
    request: Pick<
      Extract<WorkerStreamRequest, { kind: 'build-image' }>,
      'query' | 'auths' | 'secrets'
    >,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream>;
  /** Commits the container to an image and returns the image id. May take minutes. */
  commit(containerId: string, options: CommitOptions, signal: AbortSignal): Promise<string>;
  /** Fetches the image from another node, even if a local image has this name. */
  fetchImage(image: string, platform: string | undefined, signal: AbortSignal): Promise<void>;
  /** Tar archive of the image without this number of its lowest layers. */
  saveImage(
    image: string,
    withoutLayers: number,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream>;
  /** Loads an archive of another node, which has to be of this image and may set no other tag. */
  loadImage(
    archive: NodeJS.ReadableStream,
    expected: { readonly image: string; readonly id: string },
    signal: AbortSignal,
  ): Promise<void>;
  /** Invalidates the image cache; called after a build or pull, as tags may have moved. */
  invalidateImages(): void;
}

/** An engine's answer to a request that is passed on unchanged. */
export interface EngineAnswer extends EngineAnswerHead {
  /** The body, or the output of the upgraded connection. */
  readonly output: NodeJS.ReadableStream;
}

/** Passes requests of Docker clients to the engine. */
export interface EngineRequests {
  /**
   * Resolves when the engine has sent the head of its answer; until then and later `input` is sent
   * as the body or, after an upgrade, as the client's side of the connection. Throws `forbidden` for
   * a request that is not permitted.
   */
  pass(
    request: EngineRequest,
    containerId: string | undefined,
    input: NodeJS.ReadableStream,
    signal: AbortSignal,
  ): Promise<EngineAnswer>;
}

/** Named volumes of this node. */
export interface VolumeStore {
  list(signal: AbortSignal): Promise<readonly EngineVolume[]>;
  /** Succeeds if the volume does not exist. */
  remove(name: string, signal: AbortSignal): Promise<void>;
}

/** Containers of docker compose on the same engine. */
export interface ForeignContainers {
  /** Containers of a project that docker compose created, not Shoal. */
  list(project: string, signal: AbortSignal): Promise<readonly ForeignContainer[]>;
  /**
   * Removes the containers of these that were created from the given files, and the project's
   * networks that are then empty.
   */
  remove(project: string, configFiles: string, signal: AbortSignal): Promise<void>;
}

/**
 * The node's engine, one interface per concern; networks are the data plane's. Errors:
 * `unavailable` or `timeout` while the engine is unreachable (retry); any other kind is the engine's
 * final answer.
 */
export interface EngineInterfaces {
  readonly containers: ContainerCache;
  readonly executor: TaskExecutor;
  readonly control: ContainerControl;
  readonly access: ContainerAccess;
  readonly imageStore: ImageStore;
  readonly transfer: ImageTransfer;
  readonly volumes: VolumeStore;
  readonly foreign: ForeignContainers;
  readonly requests: EngineRequests;
}

export interface ImagePull {
  readonly image: string;
  /** Pulled in place of the tag. */
  readonly digest?: string;
  readonly platform?: string;
  readonly auth?: RegistryAuth;
}

export interface ProcessTable {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

export interface EngineVolume {
  readonly name: string;
  readonly mountpoint: string;
}

/** A process with its streams: an exec, or the main process of a container. */
export interface RunningProcess {
  /** Undefined if detached. Output is framed unless `tty`; writes go to stdin. */
  readonly stream: NodeJS.ReadWriteStream | undefined;
  readonly tty: boolean;
  resize(columns: number, rows: number, signal: AbortSignal): Promise<void>;
  /** Exit code; call it after the stream has ended. */
  exitCode(signal: AbortSignal): Promise<number>;
}
