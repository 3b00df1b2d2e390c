import { chmod, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import { AppError, toAppError } from '../common/base/errors.js';
import type { Logger } from '../common/base/log.js';
import { limitTotal } from './connection-limits.js';
import { FailureLog, pathOf } from './failure-log.js';
import { handleRequest, handleUpgrade, httpDeadlines, OpenConnections } from './http-server.js';
import type { RawHttpHandler } from './transport-raw-http.js';
import { answerRawHttp, upgradeRawHttp } from './transport-raw-http.js';

export interface LocalSocketOptions<Identity> {
  readonly path: string;
  readonly log: Logger;
  /** Identity of everybody whom the file's mode admits. */
  readonly identity: Identity;
  readonly web: RawHttpHandler<Identity>;
  /** Connections above this number are closed; 1,000 by default. */
  readonly maxConnections?: number;
}

export interface LocalSocket {
  /** Stops listening and drops every connection. */
  close(): Promise<void>;
}

/** Owner and group of the file may connect. */
const socketMode = 0o660;

/**
 * Serves the Docker API on a Unix socket. The folder decides about the group: a file in a folder
 * with the set-group-id bit has the folder's. Throws `unavailable` if the socket cannot be made.
 */
export async function serveLocalSocket<Identity>(
  options: LocalSocketOptions<Identity>,
): Promise<LocalSocket> {
  const { path, log, identity, web, maxConnections = 1_000 } = options;
  const server = createServer(httpDeadlines);
  limitTotal(server, log, maxConnections);
  const open = new OpenConnections(server, 'connection');
  const failures = new FailureLog(log);
  server.on('request', (request, response) => {
    void handleRequest(failures, { request, response }, (signal) => {
      requirePath(web, request);
      return answerRawHttp(web, { identity, request, response, signal });
    });
  });
  server.on('upgrade', (request, socket, head) => {
    void handleUpgrade(failures, { request, socket }, (hijacked) => {
      requirePath(web, request);
      return upgradeRawHttp(web, { identity, request, socket, hijacked }, head);
    });
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
    await open.close();
    throw new AppError('unavailable', `socket ${path}: ${toAppError(error).message}`, {
      cause: error,
    });
  }
  return open;
}

/** Throws `not-found` for paths of the cluster's own API, which needs a certificate. */
function requirePath(web: Pick<RawHttpHandler<never>, 'matches'>, request: IncomingMessage): void {
  if (!web.matches(pathOf(request))) throw new AppError('not-found', 'page not found');
}
