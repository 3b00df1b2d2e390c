import type { IncomingMessage } from 'node:http';
import type { AppError } from '../common/base/errors.js';
import { messageOf, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';

const refusalIntervalMs = 60_000;
const maxRefusals = 1_000;

/** Logs the errors with which requests fail: refusals and internal errors. */
export class FailureLog {
  readonly #log: Logger;
  /** Time each refusal was last logged; a refused worker retries every few seconds. */
  readonly #refusals = new Map<string, number>();

  constructor(log: Logger) {
    this.#log = log;
  }

  /** Returns the error to send. */
  report(request: IncomingMessage, error: unknown): AppError {
    const failure = toAppError(error);
    if (failure.kind === 'forbidden') this.#refused(request, failure.message);
    else if (failure.kind === 'internal') {
      const stack = error instanceof Error ? error.stack : undefined;
      this.#log.error(`${pathOf(request)}: ${messageOf(error)}`, { stack });
    }
    return failure;
  }

  #refused(request: IncomingMessage, message: string): void {
    const from = remoteOf(request);
    const key = `${from} ${message}`;
    if (performance.now() - (this.#refusals.get(key) ?? -Infinity) <= refusalIntervalMs) return;
    if (this.#refusals.size > maxRefusals) this.#refusals.clear();
    this.#refusals.set(key, performance.now());
    this.#log.warn(`refused: ${message}`, { from, path: pathOf(request) });
  }
}

/** IP address of the client; `unknown` on a Unix socket. */
export function remoteOf(request: IncomingMessage): string {
  return request.socket.remoteAddress ?? 'unknown';
}

/** Path of the request without its query. */
export function pathOf(request: IncomingMessage): string {
  return (request.url ?? '/').split('?')[0] ?? '/';
}
