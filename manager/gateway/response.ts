import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Writable } from 'node:stream';
import { AppError } from '../common/base/errors.js';
import type { RawHttpUpgrade } from '../transport/transport-raw-http.js';
import { apiVersion } from './api-version.js';

/** Destination of a streamed response body. */
export interface Sink {
  /** Resolves when the next chunk may be sent; awaiting it gives back-pressure. */
  send(chunk: string | Uint8Array): Promise<void>;
  /** Aborted when the client disconnects. */
  readonly signal: AbortSignal;
}

/** Both directions of a hijacked connection. */
export interface Terminal extends Sink {
  /** Ends when the client closes its write side; it may still read. */
  readonly input: AsyncIterable<Uint8Array>;
}

export type ApiResponse =
  | { readonly kind: 'json'; readonly value: unknown; readonly status?: number }
  | { readonly kind: 'text'; readonly text: string }
  /** 201 without a body is a created object that the client named itself. */
  | { readonly kind: 'empty'; readonly status: 200 | 201 | 204 | 304 }
  /** Headers are flushed at once: clients wait for them before they continue. */
  | {
      readonly kind: 'stream';
      readonly contentType: string;
      readonly status?: number;
      readonly headers?: Readonly<Record<string, string>>;
      readonly pour: (sink: Sink) => Promise<void>;
    }
  /**
   * Hijacks the connection. A client without an upgrade gets a plain stream and cannot send input.
   */
  | {
      readonly kind: 'hijack';
      readonly contentType: string;
      /** Protocol of the upgraded connection; `tcp` by default. */
      readonly protocol?: string;
      readonly converse: (terminal: Terminal) => Promise<void>;
    };

export function jsonResponse(value: unknown, status = 200): ApiResponse {
  return { kind: 'json', value, status };
}

/** Writes the response; `HEAD` gets headers only. */
export async function writeResponse(
  answer: ApiResponse,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (response.destroyed) return;
  switch (answer.kind) {
    case 'json':
      writeWhole(request, response, answer.status ?? 200, {
        type: 'application/json',
        // The Docker Engine ends JSON with a newline, and line-based scripts rely on it.
        text: `${JSON.stringify(answer.value)}\n`,
      });
      return;
    case 'text':
      writeWhole(request, response, 200, { type: 'text/plain; charset=utf-8', text: answer.text });
      return;
    case 'empty':
      response.writeHead(answer.status);
      response.end();
      return;
    case 'stream':
      response.writeHead(answer.status ?? 200, {
        'content-type': answer.contentType,
        ...answer.headers,
      });
      response.flushHeaders();
      await answer.pour({ signal, send: (chunk) => send(response, chunk) });
      response.end();
      return;
    case 'hijack':
      response.writeHead(200, { 'content-type': answer.contentType });
      response.flushHeaders();
      await answer.converse({ signal, send: (chunk) => send(response, chunk), input: noInput() });
      response.end();
  }
}

async function* noInput(): AsyncGenerator<Uint8Array> {
  // Yields nothing: the client cannot send input.
}

/**
 * Answers a connection upgrade: hijacks the socket. Throws `invalid` for other kinds of answers.
 */
export async function writeUpgrade(
  answer: ApiResponse,
  { socket, hijacked: taken }: Pick<RawHttpUpgrade<unknown>, 'socket' | 'hijacked'>,
): Promise<void> {
  if (answer.kind !== 'hijack') {
    throw new AppError('invalid', 'request: does not support a connection upgrade');
  }
  taken();
  const gone = new AbortController();
  socket.once('close', () => {
    gone.abort();
  });
  // Errors are followed by 'close', which is handled above.
  socket.on('error', () => undefined);
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${answer.contentType}\r\n` +
      `Connection: Upgrade\r\nUpgrade: ${answer.protocol ?? 'tcp'}\r\nApi-Version: ${apiVersion}\r\n\r\n`,
  );
  try {
    await answer.converse({
      signal: gone.signal,
      send: (chunk) => send(socket, chunk),
      input: socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>,
    });
  } finally {
    closeGracefully(socket);
  }
}

/**
 * Closes the write side and drains remaining input. Closing a socket with unread input sends a
 * reset, and the client would lose the end of the answer.
 */
function closeGracefully(socket: Duplex): void {
  socket.resume();
  socket.end();
  const timer = setTimeout(() => {
    socket.destroy();
  }, closeTimeoutMs);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

const closeTimeoutMs = 5_000;

function writeWhole(
  request: IncomingMessage,
  response: ServerResponse,
  status: number,
  { type, text }: { readonly type: string; readonly text: string },
): void {
  const body = Buffer.from(text);
  response.writeHead(status, { 'content-type': type, 'content-length': body.length });
  response.end(request.method === 'HEAD' ? undefined : body);
}

function send(response: Writable, chunk: string | Uint8Array): Promise<void> {
  if (response.destroyed) return Promise.reject(gone());
  if (response.write(chunk)) return Promise.resolve();
  return new Promise((resolve, reject) => {
    const drained = (): void => {
      response.off('close', closed);
      resolve();
    };
    const closed = (): void => {
      response.off('drain', drained);
      reject(gone());
    };
    response.once('drain', drained).once('close', closed);
  });
}

function gone(): AppError {
  return new AppError('cancelled', 'request: client disconnected');
}
