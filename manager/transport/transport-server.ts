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
import { forwardedPeerHeader } from '../common/protocol/messages.js';
import type { Connection, KeepAliveProfile } from '../common/protocol/transport-connection.js';
import { maxMessageBytes, WebSocketConnection } from '../common/protocol/transport-connection.js';
import type { PeerCertificateFields, TlsMaterial } from '../common/protocol/transport-tls.js';
import { verifiedClientCertificate, tlsOptions } from '../common/protocol/transport-tls.js';
import type { RawHttpHandler } from './transport-raw-http.js';
import { readUpgradeBody } from './transport-raw-http.js';

export interface ServeOptions<Identity> {
  readonly host: string;
  /** 0 picks a free port. */
  readonly port: number;
  readonly tls: TlsMaterial;
  readonly log: Logger;
  /**
   * Maps a certificate verified by TLS to an identity, or to the client it forwards a request for
   * (`forwardedPeerHeader`). Throws `forbidden` to reject the peer.
   */
  readonly authenticate: (
    certificate: PeerCertificateFields,
    behalf: string | undefined,
  ) => Identity;
  /** Handles a `POST`; resolves with JSON. Errors are sent as their status and `{kind, message}`. */
  readonly call: (request: CallRequest<Identity>) => Promise<unknown>;
  /** Handles a WebSocket request: calls `accept` or throws. */
  readonly stream: (request: StreamRequest<Identity>) => void | Promise<void>;
  /** `GET` response on this path without a certificate; paths not in `open` require one. */
  readonly health: { readonly path: string; readonly answer: () => object };
  /** `GET` and `POST` handlers by path for unauthenticated clients; bodies up to 64 KiB. */
  readonly anonymous?: Readonly<Record<string, (request: AnonymousRequest) => Promise<unknown>>>;
  /** Text response to `GET` on this path, for peers that `identify` accepts. */
  readonly page?: {
    readonly path: string;
    readonly contentType: string;
    readonly answer: (identity: Identity) => string;
  };
  readonly web?: RawHttpHandler<Identity>;
}

export interface CallRequest<Identity> {
  readonly path: string;
  readonly identity: Identity;
  readonly body: unknown;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

/** A request from an unauthenticated client. */
export interface AnonymousRequest {
  /** IP address of the client. */
  readonly remote: string;
  readonly body: unknown;
}

export interface StreamRequest<Identity> {
  readonly path: string;
  readonly identity: Identity;
  /** IP address of the client. */
  readonly remote: string;
  readonly accept: (keepAlive: KeepAliveProfile) => Promise<Connection>;
}

export interface TransportServer {
  readonly port: number;
  /** Uses renewed certificates for new connections. */
  renew(tls: TlsMaterial): void;
  /** Repeats `identify` for all connected peers and disconnects those it now rejects. */
  reauthenticatePeers(): void;
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

/** Starts listening. Throws `conflict` if the address is in use, `unavailable` if bind fails. */
export async function serve<Identity>(options: ServeOptions<Identity>): Promise<TransportServer> {
  const server = createServer({
    ...tlsOptions(options.tls),
    requestCert: true,
    // `identify` rejects peers instead of TLS, so that they receive the reason.
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
      server.setSecureContext(tlsOptions(tls));
    },
    reauthenticatePeers() {
      for (const socket of open) router.recheck(socket);
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
    // `close` follows every error; without a listener the error would crash the process.
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
          ? new AppError('conflict', `listen ${where}: address already in use`)
          : new AppError('unavailable', `listen ${where}: ${error.message}`),
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

/** Request dispatcher: authenticates the peer, routes the request and reports errors. */
class RequestRouter<Identity> {
  readonly #options: ServeOptions<Identity>;
  /** Time each refusal was last logged; a refused worker retries every few seconds. */
  readonly #refusals = new Map<string, number>();
  /** Certificate of each connection, cached because reading it for every request is slow. */
  readonly #certificates = new WeakMap<TLSSocket, PeerCertificateFields>();

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
      if (web?.matches(pathOf(request)) === true) {
        const identity = this.#identify(request);
        // Responses may be long-lived, and a client that loses power never closes its socket.
        request.socket.setKeepAlive(true, keepAliveMs);
        const body = memoize(() => readBody(request, maxWebBodyBytes));
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
    accept: (keepAlive: KeepAliveProfile) => Promise<Connection>,
  ): Promise<void> {
    const state = { accepted: false };
    const taken = (): void => {
      state.accepted = true;
    };
    try {
      const { web } = this.#options;
      if (web?.matches(pathOf(request)) === true) {
        const identity = this.#identify(request);
        request.socket.setKeepAlive(true, keepAliveMs);
        const body = await readUpgradeBody(request, socket, head);
        await web.upgrade({ identity, request, body, socket, hijacked: taken });
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
    if (request.method !== 'POST') throw new AppError('not-found', `path ${path} not found`);
    const body = await readJson(request, maxBodyBytes);
    return this.#options.call({ path, identity, body, signal });
  }

  #identify(request: IncomingMessage): Identity {
    const { socket } = request;
    if (!(socket instanceof TLSSocket)) throw new AppError('internal', 'connection without TLS');
    const behalf = request.headers[forwardedPeerHeader];
    const certificate = this.#certificates.get(socket) ?? verifiedClientCertificate(socket);
    this.#certificates.set(socket, certificate);
    return this.#options.authenticate(certificate, typeof behalf === 'string' ? behalf : undefined);
  }

  /** Closes the connection of a now rejected peer; connections without a request stay open. */
  recheck(socket: TLSSocket): void {
    const certificate = this.#certificates.get(socket);
    if (certificate === undefined) return;
    try {
      this.#options.authenticate(certificate, undefined);
    } catch (error) {
      if (!isForbidden(error)) return;
      this.#options.log.warn(`dropped: ${messageOf(error)}`, {
        from: socket.remoteAddress,
      });
      socket.destroy();
    }
  }

  #openTo(path: string): ((request: AnonymousRequest) => Promise<unknown>) | undefined {
    const { anonymous: open = {} } = this.#options;
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
  // The status is already sent; only a truncated response can still signal the error.
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
      throw new AppError('invalid', `request body is larger than ${maxBytes / 1024} KiB`);
    }
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function memoize<T>(read: () => Promise<T>): () => Promise<T> {
  let result: Promise<T> | undefined;
  return () => (result ??= read());
}

async function readJson(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  return parseBody(await readBody(request, maxBytes));
}

/** Parses a JSON body; an empty body is an empty object. Throws `invalid` if it is not JSON. */
export function parseBody(body: Buffer): unknown {
  try {
    return body.length === 0 ? {} : (JSON.parse(body.toString('utf8')) as unknown);
  } catch (error) {
    throw new AppError('invalid', 'request body is not valid JSON', { cause: error });
  }
}
