import type { EngineRestart } from '../../manager/common/model/container.js';
import type { TaskId } from '../../manager/common/model/ids.js';
import type { PublishedPort } from '../../manager/common/model/task.js';
import type { VolumeSpec } from '../../manager/common/model/network.js';
import type { AssignedFile, AssignedTask } from '../../manager/common/protocol/assignments.js';
import type {
  CommitOptions,
  EngineImage,
  ExecOptions,
  LogOptions,
  RegistryAuth,
  OtherContainer,
  SeenImage,
  WorkerStreamRequest,
} from '../../manager/common/protocol/worker-calls.js';

export type ContainerState =
  'created' | 'running' | 'paused' | 'restarting' | 'exited' | 'dead' | 'removing';

/** A container of this cluster as it was last seen on the engine. */
export interface SeenContainer {
  readonly id: string;
  readonly name: string;
  /** The task it was made for; a later task may have taken it over. */
  readonly taskId: TaskId;
  readonly state: ContainerState;
  readonly exitCode?: number;
  /** Why the engine could not start it. */
  readonly error?: string;
  /** ms since the epoch; undefined while it does not run. */
  readonly startedAt?: number;
  /** When it was last started, of one that does not run. */
  readonly lastStartedAt?: number;
  /** The engine's time stamp of its last end: tells one end from another. */
  readonly finishedAt?: string;
  readonly health?: 'starting' | 'healthy' | 'unhealthy';
  /** Restarts by the engine since it was last started by hand. */
  readonly restarts: number;
  readonly ports: readonly PublishedPort[];
  readonly imageId: string;
  /** Process 1, words of the image and the spec together; undefined until it was looked at. */
  readonly command?: readonly string[];
  /** Anonymous volumes of other containers that it has too. */
  readonly borrowed?: readonly string[];
  /** Fixed address per engine network name, as it was asked for. */
  readonly addresses: Readonly<Record<string, string>>;
}

export function isLive(container: SeenContainer): boolean {
  return (
    container.state === 'running' ||
    container.state === 'paused' ||
    container.state === 'restarting'
  );
}

/** What a container needs besides its task's record. */
export interface TaskInputs {
  readonly volumes: readonly VolumeSpec[];
  readonly files: readonly AssignedFile[];
  /** In the order of the task's attachments. */
  readonly networks: readonly EngineAttachment[];
  /** Containers that it shares with, by their service's Compose key. */
  readonly leaders?: ReadonlyMap<string, string>;
  /** Our DNS server's address, where it answers. */
  readonly nameserver?: string;
}

export interface EngineAttachment {
  /** Name of the engine's network. */
  readonly engineNetwork: string;
  readonly address: string;
  readonly mac: string;
  /** Names the engine's own DNS is to know; empty where ours answers. */
  readonly aliases: readonly string[];
  /** For the engine's network driver. */
  readonly driverOpts?: Readonly<Record<string, string>>;
}

/** Containers as last seen: complete once `synced` has resolved, and again after each reconnect. */
export interface SeenContainers {
  all(): Iterable<SeenContainer>;
  get(containerId: string): SeenContainer | undefined;
  /** Resolves when the engine has been listed for the first time. */
  synced(signal: AbortSignal): Promise<void>;
  readonly hasSynced: boolean;
  /** False while the engine does not answer; what was seen last still stands. */
  readonly connected: boolean;
  /** Called after each change with the container's id. */
  onChange(callback: (containerId: string) => void): void;
  /** Called when the engine has come (back) and all was listed. */
  onSync(callback: () => void): void;
}

export type Progress = (message: string) => void;

/**
 * Everything the worker does to the machine's engine but networks. Errors: `unavailable` or `timeout`
 * when the engine does not answer (try again), any other kind is the engine's verdict.
 */
export interface Executor {
  readonly containers: SeenContainers;
  /** Image and volumes present, bind sources made. Long: a pull may take minutes. */
  prepare(
    task: AssignedTask,
    inputs: TaskInputs,
    progress: Progress,
    signal: AbortSignal,
  ): Promise<void>;
  /** Makes the container and joins its networks; does not start it. Returns its id. */
  create(task: AssignedTask, inputs: TaskInputs, signal: AbortSignal): Promise<string>;
  /** Writes the files its mounts name, and joins again what networks it lacks, then starts it. */
  start(
    containerId: string,
    task: AssignedTask,
    inputs: TaskInputs,
    signal: AbortSignal,
  ): Promise<void>;
  /** Stop signal, grace period, SIGKILL. Fine when it does not run. */
  stop(containerId: string, graceMs: number, signal: AbortSignal): Promise<void>;
  /** What the engine does when the container ends, and when it comes back itself. Fine when it is gone. */
  setRestart(containerId: string, restart: EngineRestart, signal: AbortSignal): Promise<void>;
  /** With its anonymous volumes and files. Fine when it is gone. */
  remove(containerId: string, signal: AbortSignal): Promise<void>;
  /** Takes it off all its networks, so that nothing reaches it any more. */
  isolate(containerId: string, signal: AbortSignal): Promise<void>;
  restart(containerId: string, graceMs: number, signal: AbortSignal): Promise<void>;
  kill(containerId: string, killSignal: string, signal: AbortSignal): Promise<void>;
  pause(containerId: string, signal: AbortSignal): Promise<void>;
  unpause(containerId: string, signal: AbortSignal): Promise<void>;
  top(containerId: string, psArgs: string, signal: AbortSignal): Promise<ProcessTable>;
  inspect(containerId: string, signal: AbortSignal): Promise<unknown>;
  listVolumes(signal: AbortSignal): Promise<readonly SeenVolume[]>;
  removeVolume(name: string, signal: AbortSignal): Promise<void>;
  /** Raw output of the log, framed unless the container has a terminal. */
  logs(
    containerId: string,
    options: LogOptions,
    signal: AbortSignal,
  ): Promise<{ readonly stream: NodeJS.ReadableStream; readonly tty: boolean }>;
  /** The engine's statistics of a container: a JSON object a line, about one a second. */
  stats(containerId: string, signal: AbortSignal): Promise<NodeJS.ReadableStream>;
  exec(containerId: string, options: ExecOptions, signal: AbortSignal): Promise<RunningProcess>;
  attach(
    containerId: string,
    options: { readonly stdin: boolean; readonly replay?: boolean },
    signal: AbortSignal,
  ): Promise<RunningProcess>;
  /** Makes an image of the container as it is; returns its id. Long. */
  commit(containerId: string, options: CommitOptions, signal: AbortSignal): Promise<string>;
  /** What the engine knows of an image now; undefined when it has it not. */
  findImage(image: string, signal: AbortSignal): Promise<SeenImage | undefined>;
  /** Every image it has, in its own words. */
  listImages(signal: AbortSignal): Promise<readonly EngineImage[]>;
  /** Its own record of one; undefined when it has it not. */
  inspectImage(image: string, signal: AbortSignal): Promise<unknown>;
  /** Gets the image from another node, whatever is here under that name. */
  fetchImage(image: string, platform: string | undefined, signal: AbortSignal): Promise<void>;
  /** False when it is not there, or a container uses it. */
  removeImage(image: string, signal: AbortSignal): Promise<boolean>;
  /** These three answer with the engine's JSON lines; one with `error` is a failure. */
  pullImage(pull: ImagePull, signal: AbortSignal): Promise<NodeJS.ReadableStream>;
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
  /** A path of a container as a tar, its whole file system without a path. */
  readArchive(
    containerId: string,
    path: string | undefined,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream>;
  /** Undefined when nothing is there; of a link, what it leads to. */
  statPath(
    containerId: string,
    path: string,
    signal: AbortSignal,
  ): Promise<{ readonly name: string; readonly isFolder: boolean } | undefined>;
  /** Unpacks a tar into a folder of a container. */
  writeArchive(
    containerId: string,
    path: string,
    archive: NodeJS.ReadableStream,
    signal: AbortSignal,
  ): Promise<void>;
  /** Containers with the labels of docker compose for a project, and without ours. */
  listOthers(project: string, signal: AbortSignal): Promise<readonly OtherContainer[]>;
  /** Removes those of them made from these files, and the project's networks that are empty then. */
  removeOthers(project: string, configFiles: string, signal: AbortSignal): Promise<void>;
  /** To be called when an image was built or pulled: tags may have moved. */
  forgetImages(): void;
  /** The digest of the image in its registry. */
  resolveImage(image: string, auth: RegistryAuth | undefined, signal: AbortSignal): Promise<string>;
  /** How many of these layers, from the lowest, another image here has too. */
  knownLayers(layers: readonly string[], signal: AbortSignal): Promise<number>;
  /** The image as a tar archive, without that many of its lowest layers. */
  saveImage(
    image: string,
    withoutLayers: number,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream>;
  loadImage(archive: NodeJS.ReadableStream, signal: AbortSignal): Promise<void>;
}

export interface ImagePull {
  readonly image: string;
  readonly platform?: string;
  readonly auth?: RegistryAuth;
}

export interface ProcessTable {
  readonly titles: readonly string[];
  readonly processes: readonly (readonly string[])[];
}

export interface SeenVolume {
  readonly name: string;
  readonly mountpoint: string;
}

/** A process with its streams: an exec, or the container's first process. */
export interface RunningProcess {
  /** Undefined for a detached one. Framed output unless `tty`; writing goes to its input. */
  readonly stream: NodeJS.ReadWriteStream | undefined;
  readonly tty: boolean;
  resize(columns: number, rows: number, signal: AbortSignal): Promise<void>;
  /** To be asked after the stream has ended. */
  exitCode(signal: AbortSignal): Promise<number>;
}
