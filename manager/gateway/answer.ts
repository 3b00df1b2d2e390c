import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex, Writable } from 'node:stream';
import { AppError } from '../common/base/errors.js';
import type { WebUpgrade } from '../transport/transport-web.js';
import { apiVersion } from './api-version.js';

/** Where a long answer goes. */
export interface Sink {
  /** Resolves when the next one may follow; waiting for it is the back-pressure. */
  send(chunk: string | Uint8Array): Promise<void>;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
}

/** Both ways of a connection that is a process's own from now on. */
export interface Terminal extends Sink {
  /** Ends when the client has no more to say; it may go on to listen. */
  readonly input: AsyncIterable<Uint8Array>;
}

export type Answer =
  | { readonly kind: 'json'; readonly value: unknown; readonly status?: number }
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'empty'; readonly status: 204 | 304 }
  /** Its headers leave at once: clients wait for them before they go on. */
  | {
      readonly kind: 'stream';
      readonly contentType: string;
      readonly pour: (sink: Sink) => Promise<void>;
    }
  /** Takes the connection over; a client that does not offer it gets a stream and can say nothing. */
  | {
      readonly kind: 'hijack';
      readonly contentType: string;
      readonly converse: (terminal: Terminal) => Promise<void>;
    };

export function json(value: unknown, status = 200): Answer {
  return { kind: 'json', value, status };
}

/** Writes an answer; `HEAD` gets its headers only. */
export async function writeAnswer(
  answer: Answer,
  request: IncomingMessage,
  response: ServerResponse,
  signal: AbortSignal,
): Promise<void> {
  if (response.destroyed) return;
  switch (answer.kind) {
    case 'json':
      writeWhole(request, response, answer.status ?? 200, {
        type: 'application/json',
        // The engine ends it with a line, and scripts that read by lines rely on it.
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
      response.writeHead(200, { 'content-type': answer.contentType });
      response.flushHeaders();
      await answer.pour({ signal, send: (chunk) => send(response, chunk) });
      response.end();
      return;
    case 'hijack':
      response.writeHead(200, { 'content-type': answer.contentType });
      response.flushHeaders();
      await answer.converse({ signal, send: (chunk) => send(response, chunk), input: silence() });
      response.end();
  }
}

async function* silence(): AsyncGenerator<Uint8Array> {
  // Nothing is ever said.
}

/** Answers somebody who offers his connection: takes it, or answers without. */
export async function writeUpgrade(
  answer: Answer,
  { socket, taken }: Pick<WebUpgrade<unknown>, 'socket' | 'taken'>,
): Promise<void> {
  if (answer.kind !== 'hijack') {
    throw new AppError('invalid', 'this request takes no connection over');
  }
  taken();
  const gone = new AbortController();
  socket.once('close', () => {
    gone.abort();
  });
  // What ends it is told by its close.
  socket.on('error', () => undefined);
  socket.write(
    `HTTP/1.1 101 UPGRADED\r\nContent-Type: ${answer.contentType}\r\n` +
      `Connection: Upgrade\r\nUpgrade: tcp\r\nApi-Version: ${apiVersion}\r\n\r\n`,
  );
  try {
    await answer.converse({
      signal: gone.signal,
      send: (chunk) => send(socket, chunk),
      input: socket.iterator({ destroyOnReturn: false }) as AsyncIterable<Uint8Array>,
    });
  } finally {
    part(socket);
  }
}

/** What the client still says is read away: left unread it would cost it the end of the answer. */
function part(socket: Duplex): void {
  socket.resume();
  socket.end();
  const timer = setTimeout(() => {
    socket.destroy();
  }, partingMs);
  socket.once('close', () => {
    clearTimeout(timer);
  });
}

const partingMs = 5_000;

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
  return new AppError('cancelled', 'the client has gone');
}
