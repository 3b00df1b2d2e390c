import { AppError } from '../common/base/errors.js';
import type { NetworkId, NodeId } from '../common/model/ids.js';
import type { ManagerMessage, WorkerMessage } from '../common/protocol/messages.js';
import type { Peer } from '../transport/peer.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import type { WorkerCall, WorkerCallMap, WorkerCallName } from '../common/protocol/worker-calls.js';

/** Even a caller without a deadline of its own gets an answer after this. */
const callDeadlineMs = 120_000;
const maxOpenCalls = 10_000;

interface OpenCall {
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: AppError) => void;
}

/** One worker's connection: what was said last, and the calls that wait for an answer. */
export class Session {
  readonly nodeId: NodeId;
  readonly nodeName: string;
  readonly connection: Connection;
  /** Who its certificate says it is. */
  readonly peer: Peer;
  /** As of the worker's last word. */
  networks: readonly NetworkId[];
  volumes: readonly string[];
  readonly startedAt: number;
  readonly #ended = new AbortController();
  readonly #calls = new Map<number, OpenCall>();
  #lastCallId = 0;

  constructor(
    connection: Connection,
    hello: Extract<WorkerMessage, { kind: 'hello' }>,
    startedAt: number,
    peer: Peer,
  ) {
    this.connection = connection;
    this.peer = peer;
    this.nodeId = hello.nodeId as NodeId;
    this.nodeName = hello.name;
    this.networks = hello.networks;
    this.volumes = hello.volumes;
    this.startedAt = startedAt;
  }

  /** Aborted when the session has ended. */
  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  post(message: ManagerMessage): void {
    this.connection.post(JSON.stringify(message));
  }

  /** Asks the worker. Fails as `cancelled`, `timeout`, `unavailable`, or as the worker failed. */
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
        new AppError('unavailable', `too many calls wait for node ${this.nodeName}`),
      );
    }
    this.#lastCallId += 1;
    const callId = this.#lastCallId;
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#calls.delete(callId);
        signal.removeEventListener('abort', abort);
        clearTimeout(timer);
      };
      const giveUp = (error: AppError): void => {
        end();
        this.post({ kind: 'cancel', callId });
        reject(error);
      };
      const abort = (): void => {
        giveUp(new AppError('cancelled', `${name} on node ${this.nodeName} was cancelled`));
      };
      const timer = setTimeout(() => {
        giveUp(new AppError('timeout', `node ${this.nodeName} did not answer ${name} in time`));
      }, callDeadlineMs);
      this.#calls.set(callId, {
        resolve: (result) => {
          end();
          resolve(result);
        },
        reject: (error) => {
          end();
          reject(error);
        },
      });
      signal.addEventListener('abort', abort, { once: true });
      this.post({ kind: 'call', callId, call: { name, args } as WorkerCall });
      if (signal.aborted) abort();
    });
  }

  /** The worker's answer to a call; one that comes too late is dropped. */
  answer(message: Extract<WorkerMessage, { kind: 'result' | 'failure' }>): void {
    const call = this.#calls.get(message.callId);
    if (message.kind === 'result') call?.resolve(message.result);
    else call?.reject(new AppError(message.error.kind, message.error.message));
  }

  /** Fails what still waits. */
  end(): void {
    this.#ended.abort();
    const error = new AppError('unavailable', `node ${this.nodeName} has disconnected`);
    for (const call of [...this.#calls.values()]) call.reject(error);
  }
}
