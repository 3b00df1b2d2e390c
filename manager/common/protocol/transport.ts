import type { IncomingMessage } from 'node:http';
import type { PeerCertificate } from 'node:tls';
import { connect } from 'node:tls';
import WebSocket from 'ws';
import type { ErrorKind } from '../base/errors.js';
import { AppError, isAppError, messageOf } from '../base/errors.js';
import type { Connection, KeepAlive } from './transport-connection.js';
import { maxMessageBytes, SocketConnection } from './transport-connection.js';
import type { PeerCertificateNames, TlsMaterial } from './transport-tls.js';
import { certificateProblem, tlsOptions } from './transport-tls.js';

export interface DialOptions {
  /** `host:port`. */
  readonly address: string;
  /** Absolute, as in `paths` of messages.ts. */
  readonly path: string;
  readonly tls: TlsMaterial;
  /**
   * Throws when the other end, though signed by our authority, is not who we want (a manager of our
   * cluster). Replaces the check of the host name: a manager is who it is at any address.
   */
  readonly verifyPeer: (certificate: PeerCertificateNames) => void;
  readonly keepAlive: KeepAlive;
  readonly headers?: Readonly<Record<string, string>>;
  /** Until connected, ms; 5,000 unless told. */
  readonly timeoutMs?: number;
  /** Ends the attempt, not the connection. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a WebSocket over mutual TLS. Fails with `unavailable` when nobody answers, `forbidden` when the
 * other end is not trusted or refuses us, and with whatever kind the other end answers.
 */
export function dial(options: DialOptions): Promise<Connection> {
  const { address, signal } = options;
  if (signal?.aborted === true) return Promise.reject(cancelled(address));
  const timeoutMs = options.timeoutMs ?? 5_000;
  const socket = new WebSocket(`wss://${address}${options.path}`, {
    ...tlsOptions(options.tls),
    ...untyped(options),
    headers: { ...options.headers },
    handshakeTimeout: timeoutMs,
    perMessageDeflate: false,
    maxPayload: maxMessageBytes,
    followRedirects: false,
  });
  return new Promise((resolve, reject) => {
    const abort = (): void => {
      reject(cancelled(address));
      socket.terminate();
    };
    signal?.addEventListener('abort', abort, { once: true });
    socket.once('upgrade', (response) => {
      response.socket.setKeepAlive(true, 15_000);
    });
    // Wrapped before the first message can come: it may arrive in the same packet as the handshake's answer.
    const connection = new SocketConnection(socket, address, options.keepAlive);
    socket.once('open', () => {
      signal?.removeEventListener('abort', abort);
      resolve(connection);
    });
    socket.once('unexpected-response', (request, response) => {
      void refusal(address, response).then((error) => {
        reject(error);
        request.destroy();
      });
    });
    socket.once('error', (error) => {
      signal?.removeEventListener('abort', abort);
      void explained(address, error, options.tls.ca).then(reject);
    });
  });
}

/**
 * Options that the types of ws have wrong or do not know: the identity check of node:tls, and how long a
 * closing end waits for a reader that is behind (see KeepAlive).
 */
function untyped(options: DialOptions): object {
  return { checkServerIdentity: identityCheck(options.verifyPeer), closeTimeout: 900_000 };
}

/** As `checkServerIdentity` of node:tls, which wants an error returned. */
export function identityCheck(
  verify: (certificate: PeerCertificateNames) => void,
): (host: string, certificate: PeerCertificate) => Error | undefined {
  return (_host, certificate) => {
    try {
      verify(certificate);
      return undefined;
    } catch (error) {
      return isAppError(error) ? error : new AppError('forbidden', messageOf(error));
    }
  };
}

function cancelled(address: string): AppError {
  return new AppError('cancelled', `connecting to ${address} was cancelled`);
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'network is unreachable',
  ETIMEDOUT: 'no answer in time',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'unknown host name',
};

/** Translates what node:net, node:tls and ws throw while connecting. */
export function dialError(address: string, error: Error): AppError {
  if (isAppError(error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  const reason = reasons[code];
  if (reason !== undefined) {
    return new AppError('unavailable', `${address} does not answer: ${reason}`, { cause: error });
  }
  if (/^(CERT_|UNABLE_|DEPTH_|SELF_SIGNED|ERR_SSL_|ERR_TLS_|ERR_OSSL)/.test(code)) {
    return new AppError('forbidden', `${address} is not trusted: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return new AppError('unavailable', `${address} does not answer: ${messageOf(error)}`, {
    cause: error,
  });
}

/**
 * As `dialError`, but says whose certificate was not taken and why: node:tls ends the handshake without
 * it, so that it is looked at once more, by a connection that sends nothing.
 */
export async function explained(address: string, error: Error, ca: string): Promise<AppError> {
  const code = 'code' in error ? String(error.code) : '';
  const plain = dialError(address, error);
  if (isAppError(error) || !untrusted.test(code)) return plain;
  const certificate = await shownBy(address, ca);
  if (certificate?.subject === undefined) return plain;
  const problem = certificateProblem(code, certificate, Date.now());
  return new AppError('forbidden', `${address} is not trusted: ${problem}`, { cause: error });
}

const lookMs = 3_000;

function shownBy(address: string, ca: string): Promise<PeerCertificate | undefined> {
  const { hostname, port } = new URL(`https://${address}`);
  return new Promise((resolve) => {
    const host = hostname.replaceAll(/^\[|\]$/gu, '');
    const options = { host, port: Number(port), ca, minVersion: 'TLSv1.3' } as const;
    const socket = connect({ ...options, rejectUnauthorized: false }, () => {
      resolve(socket.getPeerCertificate());
      socket.destroy();
    });
    const fail = (): void => {
      resolve(undefined);
      socket.destroy();
    };
    socket.setTimeout(lookMs, fail).once('error', fail);
  });
}

const untrusted = /^(CERT_|UNABLE_|DEPTH_|SELF_SIGNED)/;

/** The error a server answered with, `{kind, message}` as JSON; anything else is not one of ours. */
export function parseRefusal(address: string, status: number, body: string): AppError {
  try {
    const answer = JSON.parse(body) as { kind?: ErrorKind; message?: string; detail?: string };
    if (typeof answer.kind === 'string' && typeof answer.message === 'string') {
      const detail = answer.detail === undefined ? {} : { detail: answer.detail };
      return new AppError(answer.kind, answer.message, detail);
    }
  } catch {
    // Not JSON: the line below says what is known.
  }
  return new AppError('unavailable', `${address} answered with HTTP status ${status}`);
}

async function refusal(address: string, response: IncomingMessage): Promise<AppError> {
  let body = '';
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > 65_536) break;
    }
  } catch {
    // Cut off: what came is enough to look at.
  }
  return parseRefusal(address, response.statusCode ?? 0, body);
}
