import { AppError } from '../common/base/errors.js';
import type { NewId } from '../common/base/random.js';
import type { NodeId } from '../common/model/ids.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import type { WorkerStreamRequest } from '../common/protocol/worker-calls.js';
import type { Session } from './session.js';

/** From asking a worker to its dialling back. */
const dialBackMs = 10_000;

interface Awaited {
  readonly nodeId: NodeId;
  readonly resolve: (connection: Connection) => void;
}

/** Streams that a worker was asked to open, by their one-time id, until it dials back. */
export class WorkerStreams {
  readonly #newId: NewId;
  readonly #awaited = new Map<string, Awaited>();

  constructor(newId: NewId) {
    this.#newId = newId;
  }

  open(
    session: Session,
    request: WorkerStreamRequest,
    signal: AbortSignal,
  ): Promise<{ readonly streamId: string; readonly stream: Connection }> {
    const streamId = this.#newId();
    return new Promise((resolve, reject) => {
      const end = (): void => {
        this.#awaited.delete(streamId);
        signal.removeEventListener('abort', abort);
        session.ended.removeEventListener('abort', lost);
        clearTimeout(timer);
      };
      const fail = (error: AppError): void => {
        end();
        reject(error);
      };
      const abort = (): void => {
        fail(new AppError('cancelled', `opening a stream to ${session.nodeName} was cancelled`));
      };
      const timer = setTimeout(() => {
        const seconds = dialBackMs / 1000;
        fail(
          new AppError('timeout', `node ${session.nodeName} opened no stream within ${seconds} s`),
        );
      }, dialBackMs);
      const lost = (): void => {
        fail(new AppError('unavailable', `node ${session.nodeName} has disconnected`));
      };
      session.ended.addEventListener('abort', lost, { once: true });
      signal.addEventListener('abort', abort, { once: true });
      this.#awaited.set(streamId, {
        nodeId: session.nodeId,
        resolve: (stream) => {
          end();
          resolve({ streamId, stream });
        },
      });
      session.post({ kind: 'open', streamId, request });
      if (signal.aborted) abort();
      if (session.ended.aborted) lost();
    });
  }

  /** Who waits for this stream of this node. Throws `not-found` for any other: ids are good once. */
  claim(streamId: string, nodeId: string): (connection: Connection) => void {
    const awaited = this.#awaited.get(streamId);
    if (awaited?.nodeId !== nodeId) {
      throw new AppError('not-found', `nobody waits for stream ${streamId}`);
    }
    this.#awaited.delete(streamId);
    return awaited.resolve;
  }
}
