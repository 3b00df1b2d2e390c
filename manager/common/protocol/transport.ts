import type { IncomingMessage } from 'node:http';
import type { PeerCertificate } from 'node:tls';
import { connect } from 'node:tls';
import WebSocket from 'ws';
import { decodeJson, errorKind, object, optional, string } from '../base/decode.js';
import type { ErrorKind } from '../base/errors.js';
import { AppError, isAppError, messageOf } from '../base/errors.js';
import type { Connection, KeepAliveProfile } from './transport-connection.js';
import { maxMessageBytes, WebSocketConnection } from './transport-connection.js';
import type { PeerCertificateFields, TlsMaterial } from './transport-tls.js';
import { describeCertificateError, isVerificationCode, tlsOptions } from './transport-tls.js';

export interface DialOptions {
  /** `host:port`. */
  readonly address: string;
  /** Absolute path, from `paths` in messages.ts. */
  readonly path: string;
  readonly tls: TlsMaterial;
  /**
   * Throws if the peer, although signed by the trusted authority, is not the expected one (a
   * manager of this cluster). Replaces the host name check, because a manager's identity is
   * independent of its address.
   */
  readonly verifyPeer: (certificate: PeerCertificateFields) => void;
  readonly keepAlive: KeepAliveProfile;
  readonly headers?: Readonly<Record<string, string>>;
  /** Connect timeout, ms; default 5,000. */
  readonly timeoutMs?: number;
  /** Aborts the connection attempt; has no effect on an open connection. */
  readonly signal?: AbortSignal;
}

/**
 * Opens a WebSocket over mutual TLS. Throws `unavailable` if the peer is unreachable, `forbidden`
 * if it is not trusted or rejects this client, and any other error the peer returns.
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
    // Wrap before `open`: the first message may arrive in the same packet as the handshake
    // response.
    const connection = new WebSocketConnection(socket, address, options.keepAlive);
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
      void explainDialError(address, error, options.tls.ca).then(reject);
    });
  });
}

/**
 * Options missing or wrong in the types of ws: the identity check of node:tls, and the time a
 * closing socket waits for a slow reader (see KeepAliveProfile).
 */
function untyped(options: DialOptions): object {
  return { checkServerIdentity: serverIdentityCheck(options.verifyPeer), closeTimeout: 900_000 };
}

/**
 * Adapts `verify` to `checkServerIdentity` of node:tls, which expects the error as return value.
 */
export function serverIdentityCheck(
  verify: (certificate: PeerCertificateFields) => void,
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
  ETIMEDOUT: 'connection timed out',
  ECONNRESET: 'connection reset',
  ENOTFOUND: 'no such host',
};

/** Translates connection errors of node:net, node:tls and ws: `unavailable` or `forbidden`. */
export function dialError(address: string, error: Error): AppError {
  if (isAppError(error)) return error;
  const code = 'code' in error ? String(error.code) : '';
  const reason = reasons[code];
  if (reason !== undefined) {
    return new AppError('unavailable', `${address} does not answer: ${reason}`, { cause: error });
  }
  if (isVerificationCode(code) || /^(ERR_SSL_|ERR_TLS_|ERR_OSSL)/.test(code)) {
    return new AppError('forbidden', `${address} is not trusted: ${messageOf(error)}`, {
      cause: error,
    });
  }
  return new AppError('unavailable', `${address} does not answer: ${messageOf(error)}`, {
    cause: error,
  });
}

/**
 * Like `dialError`, with details of a rejected certificate. node:tls drops the certificate when it
 * aborts the handshake, so a second connection that sends nothing fetches it.
 */
export async function explainDialError(
  address: string,
  error: Error,
  ca: string,
): Promise<AppError> {
  const code = 'code' in error ? String(error.code) : '';
  const plain = dialError(address, error);
  if (isAppError(error) || !isVerificationCode(code)) return plain;
  const certificate = await fetchCertificate(address, ca);
  if (certificate?.subject === undefined) return plain;
  const problem = describeCertificateError(code, certificate, Date.now());
  return new AppError('forbidden', `${address} is not trusted: ${problem}`, { cause: error });
}

const fetchTimeoutMs = 3_000;

function fetchCertificate(address: string, ca: string): Promise<PeerCertificate | undefined> {
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
    socket.setTimeout(fetchTimeoutMs, fail).once('error', fail);
  });
}

interface ErrorResponse {
  readonly kind: ErrorKind;
  readonly message: string;
  readonly detail?: string;
}

const errorResponse = object<ErrorResponse>({
  kind: errorKind,
  message: string,
  detail: optional(string),
});

/** Parses an error response, `{kind, message}` as JSON; any other body becomes `unavailable`. */
export function parseErrorResponse(address: string, status: number, body: string): AppError {
  try {
    const { kind, message, detail } = decodeJson(body, errorResponse, address);
    return new AppError(kind, message, detail === undefined ? {} : { detail });
  } catch (error) {
    // Not from a manager, e.g. a proxy's HTML page.
    const cause = { cause: error };
    return new AppError('unavailable', `${address} answered with HTTP status ${status}`, cause);
  }
}

async function refusal(address: string, response: IncomingMessage): Promise<AppError> {
  let body = '';
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > 65_536) break;
    }
  } catch {
    // Truncated response: parse what arrived.
  }
  return parseErrorResponse(address, response.statusCode ?? 0, body);
}
