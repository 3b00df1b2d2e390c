import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { AppError, isForbidden, messageOf } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { forwardedPeerHeader } from '../common/protocol/messages.js';
import type { Connection, KeepAliveProfile } from '../common/protocol/transport-connection.js';
import type { PeerCertificateFields } from '../common/protocol/transport-tls.js';
import { verifiedClientCertificate } from '../common/protocol/transport-tls.js';
import { FailureLog, pathOf, remoteOf } from './failure-log.js';
import { answer, send } from './http-response.js';
import { handleRequest, handleUpgrade } from './http-server.js';
import { readJson } from './request-body.js';
import type { RawHttpHandler } from './transport-raw-http.js';
import { answerRawHttp, upgradeRawHttp } from './transport-raw-http.js';

/** Handlers of a server's requests. */
export interface RouterOptions<Identity> {
  readonly log: Logger;
  /**
   * Maps a certificate verified by TLS to an identity, or to the client it forwards a request for
   * (`forwardedPeerHeader`). `remote` is the address of the connection. Throws `forbidden` to
   * reject the peer.
   */
  readonly authenticate: (
    certificate: PeerCertificateFields,
    behalf: string | undefined,
    remote: string,
  ) => Identity;
  /** Handles a `POST`; resolves with JSON. Errors are sent as their status and `{kind, message}`. */
  readonly call: (request: CallRequest<Identity>) => Promise<unknown>;
  /** Handles a WebSocket request: calls `accept` or throws. */
  readonly stream: (request: StreamRequest<Identity>) => void | Promise<void>;
  /** `GET` response on this path without a certificate; paths not in `anonymous` require one. */
  readonly health: { readonly path: string; readonly answer: () => object };
  /** `GET` and `POST` handlers by path for unauthenticated clients; bodies up to 64 KiB. */
  readonly anonymous?: Readonly<Record<string, (request: AnonymousRequest) => Promise<unknown>>>;
  /** Text response to `GET` on this path, for peers that `authenticate` accepts. */
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

const maxBodyBytes = 64 * 1024 * 1024;
const maxOpenBodyBytes = 64 * 1024;

/** Request dispatcher: authenticates the peer, routes the request and reports errors. */
export class RequestRouter<Identity> {
  readonly #options: RouterOptions<Identity>;
  readonly #failures: FailureLog;
  /** Certificate of each connection, cached because reading it for every request is slow. */
  readonly #certificates = new WeakMap<TLSSocket, PeerCertificateFields>();

  constructor(options: RouterOptions<Identity>) {
    this.#options = options;
    this.#failures = new FailureLog(options.log);
  }

  handleRequest(request: IncomingMessage, response: ServerResponse): Promise<void> {
    return handleRequest(this.#failures, { request, response }, async (signal) => {
      const { page, web } = this.#options;
      if (web?.matches(pathOf(request)) === true) {
        const identity = this.#identify(request);
        await answerRawHttp(web, { identity, request, response, signal });
        return;
      }
      requireModernTls(request);
      if (page !== undefined && request.method === 'GET' && pathOf(request) === page.path) {
        send(response, 200, page.contentType, page.answer(this.#identify(request)));
        return;
      }
      answer(response, 200, await this.#answerTo(request, signal));
    });
  }

  handleUpgrade(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    accept: (keepAlive: KeepAliveProfile) => Promise<Connection>,
  ): Promise<void> {
    return handleUpgrade(this.#failures, { request, socket }, async (hijacked) => {
      const { web } = this.#options;
      if (web?.matches(pathOf(request)) === true) {
        const identity = this.#identify(request);
        await upgradeRawHttp(web, { identity, request, socket, hijacked }, head);
        return;
      }
      requireModernTls(request);
      await this.#options.stream({
        path: pathOf(request),
        identity: this.#identify(request),
        remote: remoteOf(request),
        accept: (keepAlive) => {
          hijacked();
          return accept(keepAlive);
        },
      });
    });
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
    return this.#options.authenticate(
      certificate,
      typeof behalf === 'string' ? behalf : undefined,
      remoteOf(request),
    );
  }

  /** Closes the connection of a now rejected peer; connections without a request stay open. */
  recheck(socket: TLSSocket): void {
    const certificate = this.#certificates.get(socket);
    if (certificate === undefined) return;
    try {
      this.#options.authenticate(certificate, undefined, socket.remoteAddress ?? 'unknown');
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
}

/** Only Docker clients may use TLS 1.2: members of the cluster cannot be downgraded to it. */
function requireModernTls({ socket }: IncomingMessage): void {
  if (socket instanceof TLSSocket && socket.getProtocol() === 'TLSv1.3') return;
  throw new AppError('forbidden', 'request: TLS 1.3 is required for this path; upgrade the client');
}
