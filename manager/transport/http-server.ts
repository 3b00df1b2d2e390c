import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { idleConnectionMs } from '../common/protocol/transport-call.js';
import type { FailureLog } from './failure-log.js';
import { failRequest, failUpgrade } from './http-response.js';

/** Deadlines of every HTTP server of a manager. */
export const httpDeadlines = {
  headersTimeout: 10_000,
  // Uploads of images take minutes; `readBody` bounds the time of other bodies.
  requestTimeout: 0,
  connectionsCheckingInterval: 5_000,
  // Also for Docker clients, which reuse connections: dockerd closes no idle one.
  keepAliveTimeout: 4 * idleConnectionMs,
};

/** Open connections of a server. */
export class OpenConnections<Connection extends Socket> implements Iterable<Connection> {
  readonly #server: Pick<Server, 'on' | 'close'>;
  readonly #open = new Set<Connection>();

  /** `event` hands over a connection: `secureConnection` after a TLS handshake. */
  constructor(server: Pick<Server, 'on' | 'close'>, event: 'connection' | 'secureConnection') {
    this.#server = server;
    server.on(event, (socket: Connection) => {
      this.#open.add(socket);
      socket.once('close', () => this.#open.delete(socket));
      // `close` follows every error; without a listener the error would crash the process.
      socket.on('error', () => undefined);
    });
  }

  [Symbol.iterator](): Iterator<Connection> {
    return this.#open.values();
  }

  /** Stops listening and drops every connection. */
  close(): Promise<void> {
    return new Promise((resolve) => {
      this.#server.close(() => {
        resolve();
      });
      for (const socket of this.#open) socket.destroy();
    });
  }
}

/** Runs `respond` and sends the error that it throws. `signal` is aborted when the client leaves. */
export async function handleRequest(
  failures: FailureLog,
  { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse },
  respond: (signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  try {
    await respond(gone.signal);
  } catch (error) {
    failRequest(response, failures.report(request, error));
  }
}

/**
 * Runs `upgrade`, which calls `hijacked` before its first write, and sends the error that it throws;
 * a hijacked connection is only closed.
 */
export async function handleUpgrade(
  failures: FailureLog,
  { request, socket }: { readonly request: IncomingMessage; readonly socket: Duplex },
  upgrade: (hijacked: () => void) => Promise<void>,
): Promise<void> {
  const state = { isHijacked: false };
  try {
    await upgrade(() => {
      state.isHijacked = true;
    });
  } catch (error) {
    const failure = failures.report(request, error);
    if (state.isHijacked) socket.destroy();
    else failUpgrade(socket, failure);
  }
}
