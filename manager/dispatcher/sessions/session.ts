import type { Clock } from '../../common/base/clock.js';
import type { Decoder } from '../../common/base/decode.js';
import { decode } from '../../common/base/decode.js';
import { AppError, toAppError } from '../../common/base/errors.js';
import type { NetworkId, NodeId } from '../../common/model/ids.js';
import type { StuckRemoval } from '../../common/model/network-view.js';
import type { EngineState } from '../../common/model/silent-engine.js';
import type { ManagerMessage, WorkerMessage } from '../../common/protocol/messages.js';
import type { Peer } from '../../transport/peer.js';
import type { Connection } from '../../common/protocol/transport-connection.js';
import type {
  WorkerCall,
  WorkerCallMap,
  WorkerCallName,
} from '../../common/protocol/worker-calls.js';
import { workerResults } from '../../common/protocol/worker-results.js';

/** Upper bound of a call, ms; callers may have shorter deadlines. */
const callDeadlineMs = 120_000;
const maxOpenCalls = 10_000;

/** WebSocket close codes of a worker's session; the close frame also carries a reason. */
export const sessionCloseCodes = {
  refused: 4403,
  replaced: 4409,
  silent: 4408,
  removed: 4410,
  /** The engine of a fenced node answers again: the worker starts over with a full set. */
  engineReturned: 4411,
} as const;

interface OpenCall {
  /** Returns the error of a malformed answer. */
  readonly resolve: (result: unknown) => AppError | undefined;
  readonly reject: (error: AppError) => void;
}

/** One worker's connection: its last reported networks and volumes, and the calls in flight. */
export class WorkerSession {
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly connection: Connection;
  /** Identity in the worker's certificate. */
  readonly peer: Peer;
  /** Networks present on the node, as last reported. */
  networks: readonly NetworkId[];
  /** Networks that its engine refuses to remove; undefined before the first report. */
  stuckNetworks: readonly StuckRemoval[] | undefined;
  volumes: readonly string[];
  /** Monotonic time, ms. */
  readonly startedAt: number;
  /** Whether the node's engine last answered its worker. */
  engine: EngineState;
  readonly #clock: Clock;
  readonly #ended = new AbortController();
  readonly #calls = new Map<number, OpenCall>();
  #lastCallId = 0;

  constructor(
    connection: Connection,
    hello: Extract<WorkerMessage, { kind: 'hello' }>,
    peer: Peer,
    clock: Clock,
  ) {
    this.connection = connection;
    this.peer = peer;
    this.nodeId = hello.nodeId as NodeId;
    this.nodeName = hello.name;
    this.networks = hello.networks;
    this.volumes = hello.volumes;
    this.#clock = clock;
    this.startedAt = clock.elapsed();
    this.engine = hello.engine ?? 'answering';
  }

  /** Aborts when the session ends. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  post(message: ManagerMessage): void {
    this.connection.post(JSON.stringify(message));
  }

  /**
   * Calls the worker. Rejects with `cancelled`, `timeout`, `unavailable`, `invalid` for a malformed
   * answer, or the worker's own error.
   */
  call<Name extends WorkerCallName>(
    name: Name,
    args: WorkerCallMap[Name]['args'],
    signal: AbortSignal,
  ): Promise<WorkerCallMap[Name]['result']> {
    if (this.ended.aborted) {
      return Promise.reject(new AppError('unavailable', `node ${this.nodeName} has disconnected`));
    }
    if (this.#calls.size >= maxOpenCalls) {
      return Promise.reject(
        new AppError('unavailable', `node ${this.nodeName}: too many calls in flight; retry later`),
      );
    }
    this.#lastCallId += 1;
    const callId = this.#lastCallId;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#calls.delete(callId);
        signal.removeEventListener('abort', abort);
        cancelDeadline();
      };
      const fail = (error: AppError): void => {
        end();
        this.post({ kind: 'cancel', callId });
        reject(error);
      };
      const abort = (): void => {
        fail(new AppError('cancelled', `${name} on node ${this.nodeName} was cancelled`));
      };
      const cancelDeadline = this.#clock.after(callDeadlineMs, () => {
        fail(new AppError('timeout', `node ${this.nodeName} did not answer ${name} in time`));
      });
      this.#calls.set(callId, {
        resolve: (result) => {
          end();
          const source = `node ${this.nodeName}: answer to ${name}`;
          const decoder: Decoder<WorkerCallMap[Name]['result']> = workerResults[name];
          try {
            resolve(decode(result, decoder, source, 'upgrade its worker'));
            return undefined;
          } catch (error) {
            const failure = toAppError(error);
            reject(failure);
            return failure;
          }
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      signal.addEventListener('abort', abort);
      this.post({ kind: 'call', callId, call: { name, args } as WorkerCall });
      if (signal.aborted) abort();
    });
  }

  /**
   * Settles the call that this message answers; late answers are dropped. Returns the error of a
   * malformed answer.
   */
  settleCall(
    message: Extract<WorkerMessage, { kind: 'result' | 'failure' }>,
  ): AppError | undefined {
    const call = this.#calls.get(message.callId);
    if (message.kind === 'result') return call?.resolve(message.result);
    call?.reject(new AppError(message.error.kind, message.error.message));
    return undefined;
  }

  /** Ends the session; rejects calls in flight with `unavailable`. */
  end(): void {
    this.#ended.abort();
    const error = new AppError('unavailable', `node ${this.nodeName} has disconnected`);
    for (const call of [...this.#calls.values()]) call.reject(error);
  }
}
