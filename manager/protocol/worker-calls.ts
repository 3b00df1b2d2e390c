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
  /** Sets the terminal size of a running exec or attach. */
  resize: {
    args: { readonly streamId: string; readonly columns: number; readonly rows: number };
    result: null;
  };
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

/** What a worker serves on a stream of its own. */
export type WorkerStreamRequest =
  /** Text messages, each a JSON array of `LogLine`. Ends when the log ends. */
  | { readonly kind: 'logs'; readonly taskId: TaskId; readonly options: LogOptions }
  /** Binary frames, see `frames.ts`. */
  | { readonly kind: 'exec'; readonly taskId: TaskId; readonly options: ExecOptions }
  /** Binary frames: the main process's streams. */
  | { readonly kind: 'attach'; readonly taskId: TaskId; readonly stdin: boolean }
  /** Binary data frames (stdout channel): `docker save` of an image this node has. */
  | { readonly kind: 'save-image'; readonly image: string }
  /** Binary data frames (stdin channel): `docker load`. */
  | { readonly kind: 'load-image'; readonly image: string }
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
