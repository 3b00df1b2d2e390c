import type { RemoteInfo, Socket as UdpSocket } from 'node:dgram';
import { createSocket } from 'node:dgram';
import type { Server, Socket } from 'node:net';
import { createServer } from 'node:net';
import { backoffMs } from '../../manager/common/base/backoff.js';
import type { Clock } from '../../manager/common/base/clock.js';
import { messageOf } from '../../manager/common/base/errors.js';
import type { Logger } from '../../manager/common/base/log.js';
import { serveTcp } from './tcp-connection.js';

export interface ListenerOptions {
  readonly address: string;
  readonly port: number;
  readonly clock: Clock;
  readonly log: Logger;
  /**
   * Passes the answer to `reply`, now or later; undefined drops the query. Every query needs one
   * call: until then it counts as waiting on its TCP connection.
   */
  readonly onQuery: (
    message: Buffer,
    from: string,
    transport: 'udp' | 'tcp',
    reply: (answer: Buffer | undefined) => void,
  ) => void;
}

const bindBackoff = { firstMs: 20, maxMs: 1_000 } as const;
const maxConnections = 256;
/** One client must not take the connections of all others. */
const maxConnectionsPerAddress = 16;
const idleMs = 10_000;

/**
 * Listens on UDP and TCP of one address. The address belongs to a bridge that may not exist yet or
 * may have been removed, so binding is retried until it succeeds. Once bound, the sockets outlive
 * the bridge.
 */
export class Listener {
  readonly #options: ListenerOptions;
  #udp: UdpSocket | undefined;
  #tcp: Server | undefined;
  readonly #connections = new Set<Socket>();
  /** Number of open connections by client address. */
  readonly #connectionsOf = new Map<string, number>();
  readonly #cancels = new Map<string, () => void>();
  #closed = false;
  #warned = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#bindUdp(0);
    this.#bindTcp(0);
  }

  close(): void {
    this.#closed = true;
    for (const cancel of this.#cancels.values()) cancel();
    this.#udp?.close();
    this.#tcp?.close();
    for (const connection of this.#connections) connection.destroy();
  }

  #bindUdp(failures: number): void {
    const { address, port, onQuery } = this.#options;
    const socket = createSocket({
      type: 'udp4',
      // Allows binding even when another server of the host listens on 0.0.0.0.
      reuseAddr: true,
      recvBufferSize: 1_048_576,
      // Clients are numeric addresses: skipping `dns.lookup` saves a tenth of the time.
      lookup: (host, _options, callback) => {
        callback(null, host, 4);
      },
    });
    socket.on('message', (message: Buffer, from: RemoteInfo) => {
      onQuery(message, from.address, 'udp', (answer) => {
        if (answer !== undefined && !this.#closed) socket.send(answer, from.port, from.address);
      });
    });
    socket.on('error', (error) => {
      socket.removeAllListeners();
      socket.on('error', () => undefined);
      if (this.#udp === socket) this.#udp = undefined;
      socket.close();
      this.#retryBind('udp', error, failures + 1, (count) => {
        this.#bindUdp(count);
      });
    });
    socket.bind(port, address, () => {
      if (this.#closed) socket.close();
      else this.#udp = socket;
    });
  }

  #bindTcp(failures: number): void {
    const { address, port } = this.#options;
    const server = createServer({ noDelay: true }, (connection) => {
      this.#serve(connection);
    });
    server.maxConnections = maxConnections;
    server.on('error', (error) => {
      this.#retryBind('tcp', error, failures + 1, (count) => {
        this.#bindTcp(count);
      });
    });
    server.listen(port, address, () => {
      if (this.#closed) server.close();
      else this.#tcp = server;
    });
  }

  #serve(connection: Socket): void {
    const from = connection.remoteAddress ?? '';
    const open = this.#connectionsOf.get(from) ?? 0;
    if (open >= maxConnectionsPerAddress) {
      connection.destroy();
      return;
    }
    this.#connectionsOf.set(from, open + 1);
    this.#connections.add(connection);
    connection.setTimeout(idleMs, () => connection.destroy());
    connection.on('close', () => {
      this.#connections.delete(connection);
      const left = (this.#connectionsOf.get(from) ?? 1) - 1;
      if (left === 0) this.#connectionsOf.delete(from);
      else this.#connectionsOf.set(from, left);
    });
    serveTcp(connection, (message, reply) => {
      this.#options.onQuery(message, from, 'tcp', reply);
    });
  }

  #retryBind(
    transport: string,
    error: NodeJS.ErrnoException,
    failures: number,
    bind: (failures: number) => void,
  ): void {
    if (this.#closed) return;
    const { address, port, clock, log } = this.#options;
    // A bridge that does not exist yet is expected, so it is not logged.
    if (error.code !== 'EADDRNOTAVAIL' && !this.#warned) {
      this.#warned = true;
      log.warn(
        `dns: cannot listen on ${address}:${String(port)}/${transport}: ${messageOf(error)}; retrying`,
      );
    }
    const cancel = clock.after(backoffMs(bindBackoff, failures, 0.5), () => {
      bind(failures);
    });
    this.#cancels.set(transport, cancel);
  }
}
