import type { NodeId, TaskId } from '../model/ids.js';
import type { EngineRequest } from './engine/engine-request.js';

/** Synchronous calls to a worker by name: arguments and result. */
export interface WorkerCallMap {
  /** Restarts the container in place; the task continues. */
  restart: { args: { readonly taskId: TaskId; readonly timeoutMs?: number }; result: null };
  /** Sends a signal; a container that exits from it is not restarted automatically. */
  kill: { args: { readonly taskId: TaskId; readonly signal: string }; result: null };
  pause: { args: { readonly taskId: TaskId }; result: null };
  unpause: { args: { readonly taskId: TaskId }; result: null };
  top: {
    args: { readonly taskId: TaskId; readonly psArgs: string };
    result: {
      readonly titles: readonly string[];
      readonly processes: readonly (readonly string[])[];
    };
  };
  /** The engine's inspect output for the container. */
  inspect: { args: { readonly taskId: TaskId }; result: unknown };
  /** Removes a named volume of the cluster from the node; succeeds if it does not exist. */
  removeVolume: { args: { readonly name: string }; result: null };
  listVolumes: {
    args: Record<string, never>;
    result: readonly { readonly name: string; readonly mountpoint: string }[];
  };
  /** Details of an image in the node's engine; null if the image is absent. */
  findImage: { args: { readonly image: string }; result: NodeImage | null };
  /** All images in the node's engine. */
  listImages: { args: Record<string, never>; result: readonly EngineImage[] };
  /** The engine's inspect output for an image; null if the image is absent. */
  inspectImage: { args: { readonly image: string }; result: unknown };
  /** Resolves an image name to its digest in the registry, `sha256:…`. */
  resolveImage: {
    args: { readonly image: string; readonly auth?: RegistryAuth };
    result: string;
  };
  /**
   * Number of the given layers, counted from the lowest, that another image on the node also has.
   */
  knownLayers: { args: { readonly layers: readonly string[] }; result: number };
  /** File information for a path in the container; null if the path does not exist. */
  statPath: {
    args: { readonly taskId: TaskId; readonly path: string };
    result: { readonly name: string; readonly isFolder: boolean } | null;
  };
  /** Creates an image from the container; returns the image id. */
  commit: { args: CommitOptions & { readonly taskId: TaskId }; result: string };
  /** Removes the tag, and the image with its last tag; false if the image is absent or in use. */
  removeImage: { args: { readonly image: string }; result: boolean };
  /** Containers of a Compose project on the node's engine that another tool created. */
  listOthers: {
    args: { readonly project: string };
    result: readonly ForeignContainer[];
  };
  /**
   * Stops and removes the containers another tool created from `configFiles`, and the project's
   * networks left empty. Volumes stay.
   */
  removeOthers: {
    args: { readonly project: string; readonly configFiles: string };
    result: null;
  };
  /** Resizes the terminal of a running exec or attach. */
  resize: {
    args: { readonly streamId: string; readonly columns: number; readonly rows: number };
    result: null;
  };
}

/** A container with the labels of docker compose and without those of shoal. */
export interface ForeignContainer {
  readonly name: string;
  readonly service: string;
  /** Container state reported by the engine: `running`, `exited`, … */
  readonly state: string;
  /**
   * Comma-separated absolute paths of its Compose files, on the machine that created the container.
   */
  readonly configFiles: string;
}

/** Options of `docker commit`. */
export interface CommitOptions {
  /** Name with tag; without it the image has only an id. */
  readonly image?: string;
  readonly author?: string;
  readonly comment?: string;
  /** Dockerfile instructions to apply, such as `CMD ["x"]`. */
  readonly changes: readonly string[];
  /** Pauses the container during the commit. */
  readonly pause: boolean;
}

/** An entry of the engine's `GET /images/json`: the fields used here; others are passed through. */
export interface EngineImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** An image on a node. */
export interface NodeImage {
  /** `sha256:…` of the image configuration. */
  readonly id: string;
  /** `os/arch[/variant]`. */
  readonly platform: string;
  readonly sizeBytes: number;
  /** Build time, ms since the epoch; 0 if the image does not state it. */
  readonly createdAt: number;
  /** Time of the last tag by a build, pull or load, ms since the epoch. */
  readonly taggedAt?: number;
  /** Diff ids: digests of the uncompressed layer tars, lowest first. */
  readonly layers?: readonly string[];
}

export type WorkerCallName = keyof WorkerCallMap;
export type WorkerCall = {
  [Name in WorkerCallName]: { readonly name: Name; readonly args: WorkerCallMap[Name]['args'] };
}[WorkerCallName];

export interface LogOptions {
  readonly follow: boolean;
  /** Number of last lines; undefined selects all lines. */
  readonly tail?: number;
  /** ms since the epoch. */
  readonly sinceMs?: number;
  readonly untilMs?: number;
}

export interface ExecOptions {
  readonly command: readonly string[];
  readonly env: readonly string[];
  readonly user?: string;
  readonly workingDir?: string;
  readonly privileged: boolean;
  readonly tty: boolean;
  readonly stdin: boolean;
  readonly detach: boolean;
  readonly columns?: number;
  readonly rows?: number;
}

/** Credentials for one registry, as in the Engine API's AuthConfig. Never stored. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress?: string;
}

/** Query parameters of the Engine API's `POST /build`; objects are sent as JSON. */
export type BuildQuery = Readonly<
  Record<string, string | number | boolean | readonly string[] | Readonly<Record<string, string>>>
>;

/** Requests that a worker serves on a stream of its own. */
export type WorkerStreamRequest =
  /** Text messages, each a JSON array of `LogLine`. Ends when the log ends. */
  | { readonly kind: 'logs'; readonly taskId: TaskId; readonly options: LogOptions }
  /** Binary frames, see `frames.ts`. */
  | { readonly kind: 'exec'; readonly taskId: TaskId; readonly options: ExecOptions }
  /** Binary frames: the standard streams of the main process. */
  | {
      readonly kind: 'attach';
      readonly taskId: TaskId;
      readonly stdin: boolean;
      /** Permits the start of a container with `startOnAttach`, once attached. */
      readonly start?: boolean;
    }
  /**
   * Binary frames (stdout channel): `docker save` of an image, without its lowest `withoutLayers`
   * layers.
   */
  | { readonly kind: 'save-image'; readonly image: string; readonly withoutLayers?: number }
  /** Binary frames (stdin channel): `docker load` of this image only, `id` as in `NodeImage`. */
  | { readonly kind: 'load-image'; readonly image: string; readonly id: string }
  /** Binary frames (stdout channel): the engine's JSON lines, as for `docker pull`. */
  | {
      readonly kind: 'pull-image';
      readonly image: string;
      /** Pulled in place of the tag, which is set to it. */
      readonly digest?: string;
      readonly platform?: string;
      readonly auth?: RegistryAuth;
    }
  | { readonly kind: 'push-image'; readonly image: string; readonly auth?: RegistryAuth }
  /**
   * The build context as a tar on stdin (none with `query.remote`); the engine's JSON lines on
   * stdout.
   */
  | {
      readonly kind: 'build-image';
      readonly query: BuildQuery;
      readonly auths: Readonly<Record<string, RegistryAuth>>;
      /** Secrets for `RUN --mount=type=secret`: base64 by id. Discarded after the build. */
      readonly secrets?: Readonly<Record<string, string>>;
    }
  /** Makes the node fetch the image from another node that has a newer one under the same tag. */
  | { readonly kind: 'fetch-image'; readonly image: string; readonly platform?: string }
  /** Sends a tar of a path in the container on stdout; `path` as in the Engine API. */
  | { readonly kind: 'read-archive'; readonly taskId: TaskId; readonly path: string }
  /** Reads a tar on stdin and extracts it into the directory `path` of the container. */
  | { readonly kind: 'write-archive'; readonly taskId: TaskId; readonly path: string }
  /** Sends a tar of the container's whole file system on stdout. */
  | { readonly kind: 'export'; readonly taskId: TaskId }
  /**
   * The body of the request on stdin. The answer: a text message with the `EngineAnswerHead`, then
   * the body on stdout. Both are raw bytes after an upgrade.
   */
  | ({ readonly kind: 'engine' } & EngineRequest)
  /** Text messages, each a `WorkerStats` (statistics.ts), about one a second until closed. */
  | { readonly kind: 'stats' };

export interface LogLine {
  /** ms since the epoch. */
  readonly at: number;
  /** The engine's time stamp, RFC 3339 with nanoseconds. */
  readonly stamp: string;
  readonly stream: 'stdout' | 'stderr';
  /** Without the line end. Bytes that are not UTF-8 are replaced. */
  readonly text: string;
  /** The unchanged text in base64, set if it is not valid UTF-8. */
  readonly bytes?: string;
  /**
   * True without a line end: the output ends here, or the next line of the stream with the same
   * timestamp continues this one.
   */
  readonly partial?: boolean;
}

/** The text of a line as the container wrote it. */
export function logBytes({ text, bytes }: Pick<LogLine, 'text' | 'bytes'>): Uint8Array {
  return bytes === undefined ? Buffer.from(text) : Buffer.from(bytes, 'base64');
}

/** A bidirectional stream of messages; text messages are strings, binary ones byte arrays. */
export interface MessageStream extends AsyncIterable<string | Uint8Array> {
  /** Resolves when the send queue has room again; await it for back-pressure. */
  send(message: string | Uint8Array): Promise<void>;
  close(): void;
}

/**
 * Live calls from manager rooms to workers, implemented by the dispatcher and injected by
 * manager.ts. Throws `unavailable` if the node has no session.
 */
export interface WorkerCalls {
  call<Name extends WorkerCallName>(
    nodeId: NodeId,
    name: Name,
    args: WorkerCallMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<WorkerCallMap[Name]['result']>;
  /** Opens a stream; `streamId` is the id for `resize`. */
  open(
    nodeId: NodeId,
    request: WorkerStreamRequest,
    signal: AbortSignal,
  ): Promise<{ readonly streamId: string; readonly stream: MessageStream }>;
}
