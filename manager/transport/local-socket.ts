import { chmod, rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { failRequest, failUpgrade } from './http-response.js';
import { readBody } from './request-body.js';
import type { RawHttpHandler } from './transport-raw-http.js';
import { readUpgradeBody } from './transport-raw-http.js';

export interface LocalSocketOptions<Identity> {
  readonly path: string;
  readonly log: Logger;
  /** Identity of everybody whom the file's mode admits. */
  readonly identity: Identity;
  readonly web: RawHttpHandler<Identity>;
}

export interface LocalSocket {
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

/** Owner and group of the file may connect. */
const socketMode = 0o660;
const maxConnections = 1_000;
const maxBodyBytes = 1024 * 1024;

/**
 * Serves the Docker API on a Unix socket. The folder decides about the group: a file in a folder
 * with the set-group-id bit has the folder's. Throws `unavailable` if the socket cannot be made.
 */
export async function serveLocalSocket<Identity>(
  options: LocalSocketOptions<Identity>,
): Promise<LocalSocket> {
  const { path } = options;
  const server = createServer({ headersTimeout: 10_000, requestTimeout: 0 });
  server.maxConnections = maxConnections;
  const open = new Set<Duplex>();
  server.on('connection', (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    // `close` follows every error; without a listener the error would crash the process.
    socket.on('error', () => undefined);
  });
  server.on('request', (request, response) => {
    void answerRequest(options, request, response);
  });
  server.on('upgrade', (request, socket, head) => {
    void answerUpgrade(options, request, socket, head);
  });
  try {
    // A process that was killed leaves its socket.
    await rm(path, { force: true });
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen(path, resolve);
    });
    await chmod(path, socketMode);
  } catch (error) {
    throw new AppError('unavailable', `socket ${path}: ${toAppError(error).message}`, {
      cause: error,
    });
  }
  return {
    close: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        for (const socket of open) socket.destroy();
      }),
  };
}

async function answerRequest<Identity>(
  { web, identity, log }: LocalSocketOptions<Identity>,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  response.once('close', () => {
    gone.abort();
  });
  let read: Promise<Buffer> | undefined;
  const body = (): Promise<Buffer> => (read ??= readBody(request, maxBodyBytes));
  try {
    requirePath(web, request);
    await web.answer({ identity, request, response, body, signal: gone.signal });
  } catch (error) {
    failRequest(response, reported(log, error));
  }
}

async function answerUpgrade<Identity>(
  { web, identity, log }: LocalSocketOptions<Identity>,
  request: IncomingMessage,
  socket: Duplex,
  head: Buffer,
): Promise<void> {
  const state = { isHijacked: false };
  const hijacked = (): void => {
    state.isHijacked = true;
  };
  try {
    requirePath(web, request);
    const body = await readUpgradeBody(request, socket, head);
    await web.upgrade({ identity, request, body, socket, hijacked });
  } catch (error) {
    const failure = reported(log, error);
    if (state.isHijacked) socket.destroy();
    else failUpgrade(socket, failure);
  }
}

/** Throws `not-found` for paths of the cluster's own API, which needs a certificate. */
function requirePath(web: Pick<RawHttpHandler<never>, 'matches'>, request: IncomingMessage): void {
  const [path = ''] = (request.url ?? '').split('?');
  if (!web.matches(path)) throw new AppError('not-found', 'page not found');
}

function reported(log: Logger, error: unknown): AppError {
  const failure = toAppError(error);
  if (failure.kind === 'internal') log.error(`local socket: ${failure.message}`);
  return failure;
}
