import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Server } from 'node:https';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { WebSocketServer } from 'ws';
import type { ErrorKind } from '../common/base/errors.js';
import { AppError, isForbidden, messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { behalfHeader } from '../common/protocol/messages.js';
import type { Connection, KeepAlive } from '../common/protocol/transport-connection.js';
import { maxMessageBytes, SocketConnection } from '../common/protocol/transport-connection.js';
import type { PeerCertificateNames, TlsMaterial } from '../common/protocol/transport-tls.js';
import { clientCertificate, tlsOptions } from '../common/protocol/transport-tls.js';
import type { WebOptions } from './transport-web.js';
import { readUpgradeBody } from './transport-web.js';

export interface ServeOptions<Identity> {
  /** `0` as port takes a free one. */
  readonly host: string;
  readonly port: number;
  readonly tls: TlsMaterial;
  readonly log: Logger;
  /**
   * Who holds a certificate that TLS has verified, or for whom it says to ask (`behalfHeader`). Throws
   * `forbidden` for one who may not come in.
   */
  readonly identify: (certificate: PeerCertificateNames, behalf: string | undefined) => Identity;
  /** Answers a `POST` with a JSON value; errors become their status and `{kind, message}`. */
  readonly call: (request: CallRequest<Identity>) => Promise<unknown>;
  /** Somebody wants a WebSocket: `accept` or throw. */
  readonly stream: (request: StreamRequest<Identity>) => void | Promise<void>;
  /** Body of `GET` on this path, for anybody; all else needs a certificate, but what `open` lists. */
  readonly health: { readonly path: string; readonly answer: () => object };
  /** `GET` or `POST` by path for who has no certificate: short bodies only, and whoever answers takes care. */
  readonly open?: Readonly<Record<string, (request: OpenRequest) => Promise<unknown>>>;
  /** A text for `GET` on this path, for whoever `identify` lets in. */
  readonly page?: {
    readonly path: string;
    readonly contentType: string;
    readonly answer: (identity: Identity) => string;
  };
  readonly web?: WebOptions<Identity>;
}

export interface CallRequest<Identity> {
  readonly path: string;
  readonly identity: Identity;
  readonly body: unknown;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** A request of who knows. */
export interface OpenRequest {
  /** IP address of the client. */
  readonly remote: string;
  readonly body: unknown;
}

export interface StreamRequest<Identity> {
  readonly path: string;
  readonly identity: Identity;
  /** IP address of the client. */
  readonly remote: string;
  readonly accept: (keepAlive: KeepAlive) => Promise<Connection>;
}

export interface TransportServer {
  readonly port: number;
  /** Takes renewed certificates for connections from now on. */
  renew(tls: TlsMaterial): void;
  /** Asks `identify` again about everybody who is connected, and drops who may not be here any more. */
  recheck(): void;
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

const statusOf: Readonly<Record<ErrorKind, number>> = {
  invalid: 400,
  forbidden: 403,
  'not-found': 404,
  conflict: 409,
  cancelled: 499,
  internal: 500,
  unsupported: 501,
  unavailable: 503,
  timeout: 504,
};

const maxBodyBytes = 64 * 1024 * 1024;
const maxOpenBodyBytes = 64 * 1024;
const keepAliveMs = 15_000;
const maxWebBodyBytes = 1024 * 1024;

/** Listens. Fails as `conflict` when the port is taken, saying so. */
export async function serve<Identity>(options: ServeOptions<Identity>): Promise<TransportServer> {
  const server = createServer({
    ...tlsOptions(options.tls),
    requestCert: true,
    // Refused by us instead of by TLS: only so can the other end be told why.
    rejectUnauthorized: false,
    handshakeTimeout: 10_000,
    headersTimeout: 10_000,
    requestTimeout: 60_000,
  });
  const sockets = new WebSocketServer({
    noServer: true,
    clientTracking: false,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    ...({ closeTimeout: 900_000 } as object),
  });
  const open = trackSockets(server);
  const entry = new Entry(options);
  server.on('request', (request, response) => {
    void entry.handleRequest(request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    void entry.handleUpgrade(request, socket, head, (keepAlive) => {
      if (socket instanceof TLSSocket) socket.setKeepAlive(true, keepAliveMs);
      return new Promise((resolve) => {
        sockets.handleUpgrade(request, socket, head, (webSocket) => {
          resolve(new SocketConnection(webSocket, remoteOf(request), keepAlive));
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
      server.setSecureContext(tlsOptions(tls));
    },
    recheck() {
      for (const socket of open) entry.recheck(socket);
    },
    close() {
      return new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of open) socket.destroy();
      });
    },
  };
}

function trackSockets(server: Server): ReadonlySet<TLSSocket> {
  const open = new Set<TLSSocket>();
  server.on('secureConnection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // An error here is followed by `close`; without a listener it would end the process.
    socket.on('error', () => undefined);
  });
  return open;
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
          ? new AppError('conflict', `address ${where} is taken by another program`)
          : new AppError('unavailable', `cannot listen on ${where}: ${error.message}`),
      );
    });
    server.listen(options.port, options.host, () => {
      resolve();
    });
  });
}

function remoteOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? 'unknown';
}

/** What every request passes: who is it, may it come in, and how is it told no. */
class Entry<Identity> {
  readonly #options: ServeOptions<Identity>;
  /** When each refusal was last logged: a refused worker comes back every few seconds. */
  readonly #refusals = new Map<string, number>();
  /** As shown in each handshake: reading it again for each request takes long. */
  readonly #certificates = new WeakMap<TLSSocket, PeerCertificateNames>();

  constructor(options: ServeOptions<Identity>) {
    this.#options = options;
  }

  async handleRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const gone = new AbortController();
    response.once('close', () => {
      gone.abort();
    });
    try {
      const { page, web } = this.#options;
      if (web?.serves(pathOf(request)) === true) {
        const identity = this.#identify(request);
        // Answers may last, and a client without power closes nothing.
        request.socket.setKeepAlive(true, keepAliveMs);
        const body = onlyOnce(() => readBody(request, maxWebBodyBytes));
        await web.answer({ identity, request, response, body, signal: gone.signal });
        return;
      }
      if (page !== undefined && request.method === 'GET' && pathOf(request) === page.path) {
        send(response, 200, page.contentType, page.answer(this.#identify(request)));
        return;
      }
      answer(response, 200, await this.#answerTo(request, gone.signal));
    } catch (error) {
      const failure = this.#report(request, error);
      answer(response, statusOf[failure.kind], errorBody(failure));
    }
  }

  async handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    accept: (keepAlive: KeepAlive) => Promise<Connection>,
  ): Promise<void> {
    const state = { accepted: false };
    const taken = (): void => {
      state.accepted = true;
    };
    try {
      const { web } = this.#options;
      if (web?.serves(pathOf(request)) === true) {
        const identity = this.#identify(request);
        request.socket.setKeepAlive(true, keepAliveMs);
        const body = await readUpgradeBody(request, socket, head);
        await web.upgrade({ identity, request, body, socket, taken });
        return;
      }
      await this.#options.stream({
        path: pathOf(request),
        identity: this.#identify(request),
        remote: remoteOf(request),
        accept: (keepAlive) => {
          taken();
          return accept(keepAlive);
        },
      });
    } catch (error) {
      const failure = this.#report(request, error);
      if (state.accepted) socket.destroy();
      else refuseUpgrade(socket, statusOf[failure.kind], errorBody(failure));
    }
  }

  async #answerTo(request: IncomingMessage, signal: AbortSignal): Promise<unknown> {
    const path = pathOf(request);
    const { health } = this.#options;
    if (request.method === 'GET' && path === health.path) return health.answer();
    const open = this.#openTo(path);
    if (open !== undefined) {
      const body = await readJson(request, maxOpenBodyBytes);
      return open({ remote: remoteOf(request), body });
    }
    const identity = this.#identify(request);
    if (request.method !== 'POST') throw new AppError('not-found', `nothing at ${path}`);
    const body = await readJson(request, maxBodyBytes);
    return this.#options.call({ path, identity, body, signal });
  }

  #identify(request: IncomingMessage): Identity {
    const { socket } = request;
    if (!(socket instanceof TLSSocket)) throw new AppError('internal', 'connection without TLS');
    const behalf = request.headers[behalfHeader];
    const certificate = this.#certificates.get(socket) ?? clientCertificate(socket);
    this.#certificates.set(socket, certificate);
    return this.#options.identify(certificate, typeof behalf === 'string' ? behalf : undefined);
  }

  /** Drops a connection whose holder may not come in any more; who was never asked is left alone. */
  recheck(socket: TLSSocket): void {
    const certificate = this.#certificates.get(socket);
    if (certificate === undefined) return;
    try {
      this.#options.identify(certificate, undefined);
    } catch (error) {
      if (!isForbidden(error)) return;
      this.#options.log.warn(`dropped: ${messageOf(error)}`, { from: socket.remoteAddress });
      socket.destroy();
    }
  }

  #openTo(path: string): ((request: OpenRequest) => Promise<unknown>) | undefined {
    const { open = {} } = this.#options;
    return Object.hasOwn(open, path) ? open[path] : undefined;
  }

  #report(request: IncomingMessage, error: unknown): AppError {
    const failure = toAppError(error);
    const { log } = this.#options;
    if (failure.kind === 'forbidden') {
      const key = `${remoteOf(request)} ${failure.message}`;
      if (performance.now() - (this.#refusals.get(key) ?? -Infinity) > 60_000) {
        if (this.#refusals.size > 1_000) this.#refusals.clear();
        this.#refusals.set(key, performance.now());
        log.warn(`refused: ${failure.message}`, { from: remoteOf(request), path: pathOf(request) });
      }
    } else if (failure.kind === 'internal') {
      const stack = error instanceof Error ? error.stack : undefined;
      log.error(`${pathOf(request)}: ${messageOf(error)}`, { stack });
    }
    return failure;
  }
}

function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/';
}

function errorBody(error: AppError): object {
  return { kind: error.kind, message: error.message, detail: error.detail };
}

function answer(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', JSON.stringify(value ?? null));
}

function send(response: ServerResponse, status: number, contentType: string, text: string): void {
  if (response.destroyed) return;
  // Too late to tell: that the answer is cut off is all that can be seen.
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const body = Buffer.from(text);
  response.writeHead(status, { 'content-type': contentType, 'content-length': body.length });
  response.end(body);
}

function refuseUpgrade(socket: Duplex, status: number, value: object): void {
  const body = JSON.stringify(value);
  socket.end(
    `HTTP/1.1 ${status} Refused\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}

async function readBody(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > maxBytes) {
      throw new AppError('invalid', `request is larger than ${maxBytes / 1024} KiB`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function onlyOnce<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}

async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  return parseBody(await readBody(request, maxBytes));
}

/** An empty body is an empty object. Throws `invalid` for what is no JSON. */
export function parseBody(body: Buffer): unknown {
  try {
    return body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as unknown);
  } catch (error) {
    throw new AppError('invalid', 'request is not JSON', { cause: error });
  }
}
