import type { NodeId, TaskId } from '../model/ids.js';

/** What a worker does at once when asked, by name: arguments and result. */
export interface WorkerCallMap {
  /** Stops and starts the container in place; the task goes on. */
  restart: { args: { readonly taskId: TaskId; readonly timeoutMs?: number }; result: null };
  /** Sends a signal; a container that ends by it is not started again until told. */
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
  /** The engine's own record of the container. */
  inspect: { args: { readonly taskId: TaskId }; result: unknown };
  /** Removes a named volume of the cluster from this node; fine when it is not there. */
  removeVolume: { args: { readonly name: string }; result: null };
  listVolumes: {
    args: Record<string, never>;
    result: readonly { readonly name: string; readonly mountpoint: string }[];
  };
  /** The image as this node's engine has it; null when it has not. */
  findImage: { args: { readonly image: string }; result: SeenImage | null };
  /** Every image of this node's engine. */
  listImages: { args: Record<string, never>; result: readonly EngineImage[] };
  /** The engine's own record of an image; null when it has not. */
  inspectImage: { args: { readonly image: string }; result: unknown };
  /** The digest that the image's name has in its registry, `sha256:…`. */
  resolveImage: {
    args: { readonly image: string; readonly auth?: RegistryAuth };
    result: string;
  };
  /** How many of an image's layers, counted from the lowest, some image of this node has as well. */
  knownLayers: { args: { readonly layers: readonly string[] }; result: number };
  /** What is at a path of a container; null when nothing is. */
  statPath: {
    args: { readonly taskId: TaskId; readonly path: string };
    result: { readonly name: string; readonly isFolder: boolean } | null;
  };
  /** Makes an image of the container as it is; returns its id. */
  commit: { args: CommitOptions & { readonly taskId: TaskId }; result: string };
  /** Takes the tag away, and the image when it was the last one; false when it is not there or in use. */
  removeImage: { args: { readonly image: string }; result: boolean };
  /** Containers of a Compose project on this node's engine that another tool than ours made. */
  listOthers: {
    args: { readonly project: string };
    result: readonly OtherContainer[];
  };
  /**
   * Stops and removes those of them that were made from these files, and networks of the project that
   * are empty then. Volumes stay.
   */
  removeOthers: {
    args: { readonly project: string; readonly configFiles: string };
    result: null;
  };
  /** Sets the terminal size of a running exec or attach. */
  resize: {
    args: { readonly streamId: string; readonly columns: number; readonly rows: number };
    result: null;
  };
}

/** A container with the labels of docker compose and none of ours. */
export interface OtherContainer {
  readonly name: string;
  readonly service: string;
  /** The engine's word: `running`, `exited`, … */
  readonly state: string;
  /** Absolute paths of the files it was made from, with commas between, on the machine of who made it. */
  readonly configFiles: string;
}

/** How a container becomes an image. */
export interface CommitOptions {
  /** With its tag; without it the image has only an id. */
  readonly image?: string;
  readonly author?: string;
  readonly comment?: string;
  /** Instructions of a Dockerfile: `CMD ["x"]`. */
  readonly changes: readonly string[];
  /** Pause it meanwhile. */
  readonly pause: boolean;
}

/** An entry of an engine's `GET /images/json`: what is read here, among what is passed on as it is. */
export interface EngineImage {
  readonly Id: string;
  readonly RepoTags: readonly string[] | null;
  readonly RepoDigests: readonly string[] | null;
  /** Seconds since the epoch. */
  readonly Created: number;
  readonly Labels: Readonly<Record<string, string>> | null;
}

/** An image on a node. */
export interface SeenImage {
  /** `sha256:…` of its configuration. */
  readonly id: string;
  /** `os/arch[/variant]`. */
  readonly platform: string;
  readonly sizeBytes: number;
  /** When it was built, ms since the epoch; 0 when the image does not say. */
  readonly createdAt: number;
  /** When the engine last gave it a tag by a build, a pull or a load, ms since the epoch. */
  readonly taggedAt?: number;
  /** Digests of its layers' uncompressed tars, the lowest first. */
  readonly layers?: readonly string[];
}

export type WorkerCallName = keyof WorkerCallMap;
export type WorkerCall = {
  [Name in WorkerCallName]: { readonly name: Name; readonly args: WorkerCallMap[Name]['args'] };
}[WorkerCallName];

export interface LogOptions {
  readonly follow: boolean;
  /** Last lines only; undefined is all. */
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

/** Credentials for one registry, in the Engine API's words. Lives only as long as the request. */
export interface RegistryAuth {
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
  readonly serveraddress?: string;
}

/** Query parameters of `POST /build`; objects are sent as JSON. */
export type BuildQuery = Readonly<
  Record<string, string | number | boolean | readonly string[] | Readonly<Record<string, string>>>
>;

/** What a worker serves on a stream of its own. */
export type WorkerStreamRequest =
  /** Text messages, each a JSON array of `LogLine`. Ends when the log ends. */
  | { readonly kind: 'logs'; readonly taskId: TaskId; readonly options: LogOptions }
  /** Binary frames, see `frames.ts`. */
  | { readonly kind: 'exec'; readonly taskId: TaskId; readonly options: ExecOptions }
  /** Binary frames: the main process's streams. */
  | {
      readonly kind: 'attach';
      readonly taskId: TaskId;
      readonly stdin: boolean;
      readonly replay?: boolean;
    }
  /** Binary data frames (stdout channel): `docker save` of an image this node has, less its lowest layers. */
  | { readonly kind: 'save-image'; readonly image: string; readonly withoutLayers?: number }
  /** Binary data frames (stdin channel): `docker load`. */
  | { readonly kind: 'load-image'; readonly image: string }
  /** Binary data frames (stdout channel): the engine's JSON lines, as of `docker pull`. */
  | {
      readonly kind: 'pull-image';
      readonly image: string;
      readonly platform?: string;
      readonly auth?: RegistryAuth;
    }
  | { readonly kind: 'push-image'; readonly image: string; readonly auth?: RegistryAuth }
  /** The build context as a tar on stdin (none with `query.remote`); the engine's JSON lines on stdout. */
  | {
      readonly kind: 'build-image';
      readonly query: BuildQuery;
      readonly auths: Readonly<Record<string, RegistryAuth>>;
      /** What `RUN --mount=type=secret` may ask for: base64 by id. Live only as long as the build. */
      readonly secrets?: Readonly<Record<string, string>>;
    }
  /** Has the node get the image anew from another node, whose newer one takes the tag. */
  | { readonly kind: 'fetch-image'; readonly image: string; readonly platform?: string }
  /** A tar of a path in the container on stdout; `path` as the engine takes it. */
  | { readonly kind: 'read-archive'; readonly taskId: TaskId; readonly path: string }
  /** A tar on stdin, unpacked into the folder `path` of the container. */
  | { readonly kind: 'write-archive'; readonly taskId: TaskId; readonly path: string }
  /** A tar of the container's whole file system on stdout. */
  | { readonly kind: 'export'; readonly taskId: TaskId }
  /** Text messages, each a `WorkerStats` (statistics.ts), about one a second until closed. */
  | { readonly kind: 'stats' };

export interface LogLine {
  /** ms since the epoch. */
  readonly at: number;
  /** The engine's own time stamp, RFC 3339 with nanoseconds. */
  readonly stamp: string;
  readonly stream: 'stdout' | 'stderr';
  readonly text: string;
}

/** A two-way stream of messages; text ones are strings. */
export interface MessageStream extends AsyncIterable<string | Uint8Array> {
  /** Resolves when the message may leave: waiting for it is the back-pressure. */
  send(message: string | Uint8Array): Promise<void>;
  close(): void;
}

/**
 * The one live call from manager rooms to a worker, implemented by the dispatcher and handed over by
 * manager.ts. A node without a session fails as `unavailable`.
 */
export interface WorkerCalls {
  call<Name extends WorkerCallName>(
    nodeId: NodeId,
    name: Name,
    args: WorkerCallMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<WorkerCallMap[Name]['result']>;
  /** The id is what `resize` names. */
  open(
    nodeId: NodeId,
    request: WorkerStreamRequest,
    signal: AbortSignal,
  ): Promise<{ readonly streamId: string; readonly stream: MessageStream }>;
}
