import type { Clock } from '../../common/base/clock.js';
import { AppError } from '../../common/base/errors.js';
import type { NewId } from '../../common/base/random.js';
import type { NodeId } from '../../common/model/ids.js';
import type { Connection } from '../../common/protocol/transport-connection.js';
import type { WorkerStreamRequest } from '../../common/protocol/worker-calls.js';
import type { WorkerSession } from './session.js';

/** Deadline for a worker to dial back after an `open` message, ms. */
const dialBackMs = 10_000;

interface PendingStream {
  readonly nodeId: NodeId;
  readonly resolve: (connection: Connection) => void;
}

/** Streams that workers were asked to open, keyed by one-time id, until the worker dials back. */
export class WorkerStreams {
  readonly #newId: NewId;
  readonly #clock: Clock;
  readonly #pending = new Map<string, PendingStream>();

  constructor(newId: NewId, clock: Clock) {
    this.#newId = newId;
    this.#clock = clock;
  }

  open(
    session: WorkerSession,
    request: WorkerStreamRequest,
    signal: AbortSignal,
  ): Promise<{ readonly streamId: string; readonly stream: Connection }> {
    const streamId = this.#newId();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#pending.delete(streamId);
        signal.removeEventListener('abort', abort);
        session.ended.removeEventListener('abort', disconnected);
        cancelDeadline();
      };
      const fail = (error: AppError): void => {
        end();
        reject(error);
      };
      const abort = (): void => {
        fail(
          new AppError('cancelled', `opening a stream to node ${session.nodeName} was cancelled`),
        );
      };
      const cancelDeadline = this.#clock.after(dialBackMs, () => {
        const seconds = dialBackMs / 1000;
        fail(
          new AppError('timeout', `node ${session.nodeName} opened no stream within ${seconds} s`),
        );
      });
      const disconnected = (): void => {
        fail(new AppError('unavailable', `node ${session.nodeName} has disconnected`));
      };
      session.ended.addEventListener('abort', disconnected);
      signal.addEventListener('abort', abort);
      this.#pending.set(streamId, {
        nodeId: session.nodeId,
        resolve: (stream) => {
          end();
          resolve({ streamId, stream });
        },
      });
      session.post({ kind: 'open', streamId, request });
      if (signal.aborted) abort();
      if (session.ended.aborted) disconnected();
    });
  }

  /**
   * Returns the resolver of a pending stream and consumes its id. `not-found` for any other id or
   * node.
   */
  claim(streamId: string, nodeId: string): (connection: Connection) => void {
    const pending = this.#pending.get(streamId);
    if (pending?.nodeId !== nodeId) {
      throw new AppError('not-found', `stream ${streamId} is unknown or already claimed`);
    }
    this.#pending.delete(streamId);
    return pending.resolve;
  }
}
