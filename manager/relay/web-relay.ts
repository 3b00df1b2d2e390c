import type {
  ClientRequest,
  IncomingMessage,
  OutgoingHttpHeaders,
  ServerResponse,
} from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { AppError, isAppError } from '../common/base/errors.js';
import { isNotLeaderError } from '../common/protocol/messages.js';
import { setConnectTimeout } from '../common/protocol/transport-call.js';
import {
  serverIdentityCheck,
  dialError,
  parseErrorResponse,
} from '../common/protocol/transport.js';
import type { PeerCertificateFields, TlsMaterial } from '../common/protocol/transport-tls.js';
import { tlsOptions } from '../common/protocol/transport-tls.js';

/** Connection parameters for a forwarded request to the leader. */
export interface ForwardTarget {
  readonly address: string;
  readonly tls: TlsMaterial;
  readonly verifyPeer: (certificate: PeerCertificateFields) => void;
  /** Headers that identify the client on whose behalf the request is sent. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
}

/** A client's request. */
export interface ForwardedRequest {
  readonly request: IncomingMessage;
  /** Buffered, so that it can be retried at the next leader; undefined for an upload. */
  readonly body: Buffer | undefined;
  readonly signal: AbortSignal;
}

/** Headers that apply to one connection or are set again; not forwarded. */
const droppedHeaders = new Set(['host', 'content-length', 'transfer-encoding', 'keep-alive']);

/** Sends the request to the leader; resolves with the response once its headers have arrived. */
export async function forwardRequest(
  message: ForwardedRequest,
  hop: ForwardTarget,
): Promise<IncomingMessage> {
  const outcome = await begin(message, hop);
  if (outcome.kind === 'upgraded') {
    outcome.socket.destroy();
    throw new AppError('internal', `manager ${hop.address}: unexpected protocol upgrade`);
  }
  return outcome.response;
}

/** A connection upgraded by the leader. */
export interface UpgradedConnection {
  readonly response: IncomingMessage;
  readonly socket: Duplex;
  /** Bytes received together with the response headers. */
  readonly head: Buffer;
}

type WebOutcome =
  | { readonly kind: 'answered'; readonly response: IncomingMessage }
  | ({ readonly kind: 'upgraded' } & UpgradedConnection);

/** Sends an upgrade request to the leader. A response without an upgrade is thrown as an error. */
export async function forwardUpgrade(
  message: ForwardedRequest,
  hop: ForwardTarget,
): Promise<UpgradedConnection> {
  const outcome = await begin(message, hop);
  if (outcome.kind === 'upgraded') return outcome;
  const { response } = outcome;
  throw parseErrorResponse(hop.address, response.statusCode ?? 0, await text(response));
}

/** Pipes both ways until the leader's side ends or the leader is no longer the leader. */
export async function pipeSockets(
  { response, socket: leader, head }: UpgradedConnection,
  client: Duplex,
  gone: AbortSignal,
): Promise<void> {
  const headers = Object.entries(response.headers).map(
    ([name, value]) => `${name}: ${String(value)}\r\n`,
  );
  client.write(`HTTP/1.1 101 UPGRADED\r\n${headers.join('')}\r\n`);
  if (head.length > 0) client.write(head);
  leader.allowHalfOpen = true;
  const end = (): void => {
    leader.destroy();
    client.destroy();
  };
  gone.addEventListener('abort', end, { once: true });
  // The end of the process ends the connection: further client input has no receiver.
  const toLeader = pipeline(client, leader).catch(end);
  await pipeline(leader, client).catch(end);
  end();
  await toLeader;
}

/** Forwards a request. Rejects like `dial`, and with `notLeaderError` if the peer is not the leader. */
async function begin(
  { request, body, signal }: ForwardedRequest,
  { address, tls, verifyPeer, headers, connectTimeoutMs }: ForwardTarget,
): Promise<WebOutcome> {
  const kept = Object.entries(request.headersDistinct).filter(
    ([name]) => !droppedHeaders.has(name),
  );
  const outgoing = httpsRequest(`https://${address}${request.url ?? '/'}`, {
    ...tlsOptions(tls),
    checkServerIdentity: serverIdentityCheck(verifyPeer),
    method: request.method,
    // A separate connection: it may be long-lived and closes with the client's.
    agent: false,
    signal,
    headers: { ...Object.fromEntries(kept), ...headers, ...lengthOf(request, body) },
  });
  setConnectTimeout(outgoing, connectTimeoutMs);
  const outcome = await new Promise<WebOutcome>((resolve, reject) => {
    outgoing.once('response', (response) => {
      resolve({ kind: 'answered', response });
    });
    outgoing.once('upgrade', (response, socket, head) => {
      resolve({ kind: 'upgraded', response, socket, head });
    });
    outgoing.once('error', (error) => {
      reject(isAppError(error) ? error : dialError(address, error));
    });
    if (body !== undefined) outgoing.end(body);
    else sendUpload(request, outgoing);
  });
  if (outcome.response.statusCode === 503) await throwIfNotLeading(outcome.response, address);
  return outcome;
}

function lengthOf(request: IncomingMessage, body: Buffer | undefined): OutgoingHttpHeaders {
  const length = body?.length ?? request.headers['content-length'];
  return length === undefined ? { 'transfer-encoding': 'chunked' } : { 'content-length': length };
}

/** Reads the client's bytes only once the leader is connected: a failed connect can be retried. */
function sendUpload(request: IncomingMessage, outgoing: ClientRequest): void {
  outgoing.once('socket', (socket) => {
    socket.once('secureConnect', () => {
      request.pipe(outgoing);
      request.once('error', () => outgoing.destroy());
    });
  });
}

/** Bodies up to this size are buffered and can be retried, bytes. */
const maxBufferedBytes = 1024 * 1024;

/** True for a body that is too long, or may be, to be kept for a retry. */
export function isUpload({ headers }: IncomingMessage): boolean {
  const length = Number(headers['content-length'] ?? 0);
  return headers['transfer-encoding'] !== undefined || !(length <= maxBufferedBytes);
}

async function throwIfNotLeading(response: IncomingMessage, address: string): Promise<void> {
  const refusal = parseErrorResponse(address, 503, await text(response));
  // Any other 503 is the leader's response.
  throw isNotLeaderError(refusal) ? refusal : new AppError(refusal.kind, refusal.message);
}

/** Streams the leader's response to the client until either side ends. */
export async function pipeResponse(
  from: IncomingMessage,
  to: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  // The leader's connection closes after the response; the client's may stay open.
  const { connection: _connection, 'keep-alive': _alive, ...headers } = from.headers;
  to.writeHead(from.statusCode ?? 502, headers);
  to.flushHeaders();
  await pipeline(from, to, { signal: gone }).catch(() => {
    // Headers are already sent: truncation is the only way left to signal the error.
    to.destroy();
  });
}
