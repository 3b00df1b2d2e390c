import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../base/errors.js';

/** Where a long answer goes. */
export interface Sink {
  /** Resolves when the next one may follow; waiting for it is the back-pressure. */
  send(chunk: string | Uint8Array): Promise<void>;
  /** Aborted when the client has gone. */
  readonly signal: AbortSignal;
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
  }
}

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

function send(response: ServerResponse, chunk: string | Uint8Array): Promise<void> {
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
