import type { ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { AppError, ErrorKind } from '../common/base/errors.js';

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

function errorBody(error: AppError): object {
  return { kind: error.kind, message: error.message, detail: error.detail };
}

/** Answers with JSON. */
export function answer(response: ServerResponse, status: number, value: unknown): void {
  send(response, status, 'application/json', JSON.stringify(value ?? null));
}

/** Answers with text, or drops the connection if an answer has already begun. */
export function send(
  response: ServerResponse,
  status: number,
  contentType: string,
  text: string,
): void {
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

/** Answers a request with an error. */
export function failRequest(response: ServerResponse, error: AppError): void {
  answer(response, statusOf[error.kind], errorBody(error));
}

/** Time for the client to read the reason of a refusal, ms. */
const lingerMs = 1_000;

/** Refuses to upgrade a connection, and closes it, also if the client keeps its end open. */
export function failUpgrade(socket: Duplex, error: AppError): void {
  const body = JSON.stringify(errorBody(error));
  socket.end(
    `HTTP/1.1 ${statusOf[error.kind]} Refused\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
  const destroy = (): void => {
    clearTimeout(timer);
    socket.destroy();
  };
  const timer = setTimeout(destroy, lingerMs);
  // Unread input would turn the close into a reset, and the reason could get lost.
  socket.once('end', destroy).resume();
}
