import type { Clock } from '../../common/base/clock.js';
import { AppError, isAppError, toAppError } from '../../common/base/errors.js';
import type { Logger } from '../../common/base/log.js';
import { decodeWorkerMessage } from '../../common/protocol/decode.js';
import type { WorkerMessage } from '../../common/protocol/messages.js';
import type { Connection } from '../../common/protocol/transport-connection.js';
import type { Peer } from '../../transport/peer.js';
import type { Hello } from './hello.js';
import { checkHello } from './hello.js';
import type { WorkerSession } from './session.js';
import { sessionCloseCodes } from './session.js';

const helloDeadlineMs = 5_000;

export interface SessionServerOptions {
  readonly clock: Clock;
  readonly log: Logger;
  readonly clusterId: string;
  /** Admits a node after its hello was checked. Throws to refuse it. */
  readonly begin: (connection: Connection, hello: Hello, peer: Peer) => Promise<WorkerSession>;
  /** Handles a message after the hello. Throws to end the session. */
  readonly handle: (session: WorkerSession, message: WorkerMessage) => void;
  readonly end: (session: WorkerSession) => void;
  /** Called before a session ends because of a message that cannot be read. */
  readonly malformed: (nodeId: string, problem: string) => void;
}

/** Reads a worker's connection: a hello within its deadline, then messages until the end. */
export class SessionServer {
  readonly #options: SessionServerOptions;
  #stopped = false;

  constructor(options: SessionServerOptions) {
    this.#options = options;
  }

  /** Connections that end from now on are not logged as broken. */
  stop(): void {
    this.#stopped = true;
  }

  /** Resolves when the connection has ended; never rejects. */
  async serve(connection: Connection, peer: Peer): Promise<void> {
    const { clock, clusterId, begin, handle, end } = this.#options;
    const cancelDeadline = clock.after(helloDeadlineMs, () => {
      connection.close(sessionCloseCodes.refused, 'no hello received in time');
    });
    // Iterated by hand: leaving a `for await` would close the connection before the reason is sent.
    const messages = connection[Symbol.asyncIterator]();
    let session: WorkerSession | undefined;
    try {
      for (let next = await messages.next(); next.done !== true; next = await messages.next()) {
        const text = String(next.value);
        const message = this.#report(peer, () => decodeWorkerMessage(text));
        if (session !== undefined) {
          const current = session;
          this.#report(peer, () => {
            handle(current, message);
          });
          continue;
        }
        cancelDeadline();
        if (message.kind !== 'hello') throw new AppError('invalid', 'hello must come first');
        checkHello(message, peer, clusterId);
        session = await begin(connection, message, peer);
      }
    } catch (error) {
      this.#dropBroken(connection, peer, error);
    } finally {
      cancelDeadline();
      if (session !== undefined) end(session);
    }
  }

  /** Runs `work`; reports its error if the message is to blame. */
  #report<Value>({ nodeId }: Peer, work: () => Value): Value {
    try {
      return work();
    } catch (error) {
      if (isAppError(error) && error.kind === 'invalid') {
        this.#options.malformed(nodeId, error.message);
      }
      throw error;
    }
  }

  #dropBroken(connection: Connection, peer: Peer, error: unknown): void {
    if (this.#stopped) return;
    const failure = toAppError(error);
    this.#options.log.warn(`session of node ${peer.nodeId} ended: ${failure.message}`, {
      from: connection.remote,
    });
    connection.close(sessionCloseCodes.refused, failure.message);
  }
}
