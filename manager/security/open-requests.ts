import type { Clock } from '../common/base/clock.js';
import { messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import type { Connection } from '../common/protocol/transport-connection.js';
import type { Peer } from '../transport/peer.js';

/** How long a client has to read why its stream ends, ms. */
const graceMs = 250;

/** Ends a request; `error` is the reason. */
export type EndRequest = (error: unknown) => void;

interface OpenRequest {
  readonly peer: Peer;
  readonly end: EndRequest;
}

/**
 * Streams and requests that the leader serves for clients, also those that followers forward. When
 * the cluster's clients change, requests end whose client was revoked or has other rights now.
 */
export class OpenRequests {
  readonly #log: Logger;
  readonly #open = new Set<OpenRequest>();

  constructor(log: Logger) {
    this.#log = log;
  }

  get size(): number {
    return this.#open.size;
  }

  /** Adds a request; returns the function that removes it. */
  add(peer: Peer, end: EndRequest): () => void {
    const request = { peer, end };
    this.#open.add(request);
    return () => {
      this.#open.delete(request);
    };
  }

  /** Ends the requests of clients that `readmit` rejects. */
  recheck(readmit: (peer: Peer) => void): void {
    for (const request of this.#open) {
      try {
        readmit(request.peer);
      } catch (error) {
        this.#open.delete(request);
        this.#log.warn(`ended: ${messageOf(error)}`);
        request.end(error);
      }
    }
  }
}

/** Ends a stream: sends the reason, closes it, and drops a client that does not close its end. */
export function endStream(connection: Connection, error: unknown, clock: Clock): void {
  const { kind, message } = toAppError(error);
  connection.post(JSON.stringify({ error: { kind, message } }));
  connection.close(1008, message);
  const cancel = clock.after(graceMs, () => {
    connection.terminate();
  });
  void connection.ended.then(cancel);
}
