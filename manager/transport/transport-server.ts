import type { Server } from 'node:https';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import { AppError } from '../common/base/errors.js';
import { maxMessageBytes, WebSocketConnection } from '../common/protocol/transport-connection.js';
import type { TlsMaterial } from '../common/protocol/transport-tls.js';
import { serverTlsOptions } from '../common/protocol/transport-tls.js';
import type { ConnectionLimits } from './connection-limits.js';
import { defaultConnectionLimits, limitConnections } from './connection-limits.js';
import { remoteOf } from './failure-log.js';
import { httpDeadlines, OpenConnections } from './http-server.js';
import type { RouterOptions } from './request-router.js';
import { RequestRouter } from './request-router.js';
import { keepAliveMs } from './transport-raw-http.js';

export interface ServeOptions<Identity> extends RouterOptions<Identity> {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly tls: TlsMaterial;
  /** Replaces some of the default limits. */
  readonly limits?: Partial<ConnectionLimits>;
}

export interface TransportServer {
  readonly port: number;
  /** Uses renewed certificates for new connections. */
  renew(tls: TlsMaterial): void;
  /** Repeats `authenticate` for all connected peers and disconnects those it now rejects. */
  reauthenticatePeers(): void;
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

/** Starts listening. Throws `conflict` if the address is in use, `unavailable` if bind fails. */
export async function serve<Identity>(options: ServeOptions<Identity>): Promise<TransportServer> {
  const server = createServer({
    ...serverTlsOptions(options.tls),
    requestCert: true,
    // `authenticate` rejects peers instead of TLS, so that they receive the reason.
    rejectUnauthorized: false,
    handshakeTimeout: 10_000,
    ...httpDeadlines,
  });
  limitConnections(server, options.log, { ...defaultConnectionLimits, ...options.limits });
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    ...({ closeTimeout: 900_000 } as object),
  });
  const open = new OpenConnections<TLSSocket>(server, 'secureConnection');
  const router = new RequestRouter(options);
  server.on('request', (request, response) => {
    void router.handleRequest(request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    void router.handleUpgrade(request, socket, head, (keepAlive) => {
      if (socket instanceof TLSSocket) socket.setKeepAlive(true, keepAliveMs);
      return new Promise((resolve) => {
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          resolve(new WebSocketConnection(webSocket, remoteOf(request), keepAlive));
        });
      });
    });
  });
  server.on('tlsClientError', (error, socket) => {
    options.log.debug(`transport: handshake failed: ${error.message}`, {
      from: socket.remoteAddress,
    });
  });
  await listen(server, options);
  return {
    port: (server.address() as AddressInfo).port,
    renew(tls) {
      server.setSecureContext(serverTlsOptions(tls));
    },
    reauthenticatePeers() {
      for (const socket of open) router.recheck(socket);
    },
    close: () => open.close(),
  };
}

function listen(
  server: Server,
  options: { readonly host: string; readonly port: number },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const where = `${options.host}:${options.port}`;
      reject(
        error.code === 'EADDRINUSE'
          ? new AppError('conflict', `listen ${where}: address already in use`)
          : new AppError('unavailable', `listen ${where}: ${error.message}`),
      );
    });
    server.listen(options.port, options.host, () => {
      resolve();
    });
  });
}
