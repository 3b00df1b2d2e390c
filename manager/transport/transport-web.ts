import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '../common/base/errors.js';

/** Requests of another protocol than ours on the same port; whoever answers writes HTTP himself. */
export interface WebOptions<Identity> {
  readonly serves: (path: string) => boolean;
  /** What is thrown before anything was written becomes its status and `{kind, message}`. */
  readonly answer: (request: WebRequest<Identity>) => Promise<void>;
  /** Somebody wants the connection for a protocol of his own. */
  readonly upgrade: (request: WebUpgrade<Identity>) => Promise<void>;
}

export interface WebRequest<Identity> {
  readonly identity: Identity;
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  /** Read when asked for; asked again it is the same. A large one is `invalid`. */
  readonly body: () => Promise<Buffer>;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

export interface WebUpgrade<Identity> {
  readonly identity: Identity;
  readonly request: IncomingMessage;
  readonly body: Buffer;
  /** What comes after the body. Stays open for writing when the client has nothing more to say. */
  readonly socket: Duplex;
  /** To be called before the first byte is written: what is thrown later only ends the connection. */
  readonly taken: () => void;
}

const maxUpgradeBodyBytes = 1024 * 1024;
const bodyDeadlineMs = 10_000;

/**
 * The body of a request that offers its connection, which node:http leaves on the socket: `head` is what
 * came with the headers. Whatever follows the body can be read from the socket then.
 */
export async function readUpgradeBody(
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<Buffer> {
  const length = Number(request.headers['content-length'] ?? 0);
  if (request.headers['transfer-encoding'] !== undefined || !(length <= maxUpgradeBodyBytes)) {
    throw new AppError('invalid', 'a request that offers its connection must have a short body');
  }
  socket.allowHalfOpen = true;
  const signal = AbortSignal.timeout(bodyDeadlineMs);
  let bytes = head;
  while (bytes.length < length) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) await once(socket, 'readable', { signal });
    else bytes = Buffer.concat([bytes, chunk]);
    if (socket.readableEnded) throw new AppError('cancelled', 'the client has gone');
  }
  if (bytes.length > length) socket.unshift(bytes.subarray(length));
  return bytes.subarray(0, length);
}
