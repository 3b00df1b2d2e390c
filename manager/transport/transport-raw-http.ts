import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '../common/base/errors.js';
import { readBody } from './request-body.js';

/** Handler of another HTTP protocol on the same port; it writes its own responses. */
export interface RawHttpHandler<Identity> {
  readonly matches: (path: string) => boolean;
  /** An error thrown before the first write is sent as its status and `{kind, message}`. */
  readonly answer: (request: RawHttpRequest<Identity>) => Promise<void>;
  /** Handles an HTTP upgrade: the client takes over the connection for a protocol of its own. */
  readonly upgrade: (request: RawHttpUpgrade<Identity>) => Promise<void>;
}

export interface RawHttpRequest<Identity> {
  readonly identity: Identity;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Reads the body on the first call and caches it. Throws `invalid` if it exceeds 1 MiB. */
  readonly body: () => Promise<Buffer>;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

export interface RawHttpUpgrade<Identity> {
  readonly identity: Identity;
  readonly request: IncomingMessage;
  readonly body: Buffer;
  /** The stream after the body. It stays writable after the client half-closes it. */
  readonly socket: Duplex;
  /**
   * Marks the connection as hijacked; call it before the first write. Later errors only close it.
   */
  readonly hijacked: () => void;
}

/** TCP keep-alive of connections that may be idle for long, ms. */
export const keepAliveMs = 15_000;
const maxBodyBytes = 1024 * 1024;
const bodyDeadlineMs = 10_000;

/** Passes a request to the handler. */
export function answerRawHttp<Identity>(
  web: RawHttpHandler<Identity>,
  request: Omit<RawHttpRequest<Identity>, 'body'>,
): Promise<void> {
  keepAlive(request.request);
  let read: Promise<Buffer> | undefined;
  const body = (): Promise<Buffer> => (read ??= readBody(request.request, maxBodyBytes));
  return web.answer({ ...request, body });
}

/** Passes an upgrade to the handler; `head` holds the bytes that arrived with the headers. */
export async function upgradeRawHttp<Identity>(
  web: RawHttpHandler<Identity>,
  upgrade: Omit<RawHttpUpgrade<Identity>, 'body'>,
  head: Buffer,
): Promise<void> {
  keepAlive(upgrade.request);
  const body = await readUpgradeBody(upgrade.request, upgrade.socket, head);
  await web.upgrade({ ...upgrade, body });
}

/** Responses may be long-lived, and a client that loses power never closes its socket. */
function keepAlive({ socket }: IncomingMessage): void {
  socket.setKeepAlive(true, keepAliveMs);
}

/**
 * Reads the body of an upgrade request, which node:http leaves on the socket; `head` holds the
 * bytes that arrived with the headers. Bytes after the body remain readable from the socket. Throws
 * `invalid` for a chunked body or one above 1 MiB.
 */
async function readUpgradeBody(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<Buffer> {
  const length = Number(request.headers['content-length'] ?? 0);
  if (request.headers['transfer-encoding'] !== undefined || !(length <= maxBodyBytes)) {
    throw new AppError(
      'invalid',
      'upgrade request: body must have a content-length of at most 1 MiB',
    );
  }
  socket.allowHalfOpen = true;
  const signal = AbortSignal.timeout(bodyDeadlineMs);
  let bytes = head;
  while (bytes.length < length) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, 'readable', { signal });
    else bytes = Buffer.concat([bytes, chunk]);
    if (socket.readableEnded) throw new AppError('cancelled', 'client disconnected');
  }
  if (bytes.length > length) socket.unshift(bytes.subarray(length));
  return bytes.subarray(0, length);
}
