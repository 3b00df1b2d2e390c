import type { IncomingMessage, ServerResponse } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Duplex } from 'node:stream';
import { text } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { AppError, isAppError } from '../common/base/errors.js';
import { isNotLeading } from '../common/protocol/messages.js';
import { limitConnecting } from '../common/protocol/transport-call.js';
import { identityCheck, dialError, parseRefusal } from '../common/protocol/transport.js';
import type { PeerCertificateNames, TlsMaterial } from '../common/protocol/transport-tls.js';
import { tlsOptions } from '../common/protocol/transport-tls.js';

/** How the leader is reached for somebody else. */
export interface WebHop {
  readonly address: string;
  readonly tls: TlsMaterial;
  readonly verifyPeer: (certificate: PeerCertificateNames) => void;
  /** Says for whom. */
  readonly headers: Readonly<Record<string, string>>;
  readonly connectTimeoutMs: number;
}

/** What a client sent, read whole so that it can be sent again to the next leader. */
export interface WebMessage {
  readonly request: IncomingMessage;
  readonly body: Buffer;
  readonly signal: AbortSignal;
}

/** They are of the one connection, or said anew. */
const ownHeaders = new Set(['host', 'content-length', 'transfer-encoding', 'keep-alive']);

/** What the leader answers: its headers have come, its body not yet. */
export async function askWeb(message: WebMessage, hop: WebHop): Promise<IncomingMessage> {
  const asked = await begin(message, hop);
  if (asked.kind === 'upgraded') {
    asked.socket.destroy();
    throw new AppError('internal', `${hop.address} changed the protocol unasked`);
  }
  return asked.response;
}

/** A connection that the leader has taken over. */
export interface WebUpgraded {
  readonly response: IncomingMessage;
  readonly socket: Duplex;
  /** What came with the headers. */
  readonly head: Buffer;
}

type WebAsked =
  | { readonly kind: 'answered'; readonly response: IncomingMessage }
  | ({ readonly kind: 'upgraded' } & WebUpgraded);

/** The connection that the leader has taken over; what it answers otherwise is thrown. */
export async function askUpgrade(message: WebMessage, hop: WebHop): Promise<WebUpgraded> {
  const asked = await begin(message, hop);
  if (asked.kind === 'upgraded') return asked;
  const { response } = asked;
  throw parseRefusal(hop.address, response.statusCode ?? 0, await text(response));
}

/** Both ways, until both are done or the leader leads no more. */
export async function joinSockets(
  { response, socket: leader, head }: WebUpgraded,
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
  // The process's end is the end: nobody hears what the client still says.
  const toLeader = pipeline(client, leader).catch(end);
  await pipeline(leader, client).catch(end);
  end();
  await toLeader;
}

/** Sends it on. Fails as `dial` does, and with `notLeading` when the other end leads no more. */
async function begin(
  { request, body, signal }: WebMessage,
  { address, tls, verifyPeer, headers, connectTimeoutMs }: WebHop,
): Promise<WebAsked> {
  const kept = Object.entries(request.headers).filter(([name]) => !ownHeaders.has(name));
  const outgoing = httpsRequest(`https://${address}${request.url ?? '/'}`, {
    ...tlsOptions(tls),
    checkServerIdentity: identityCheck(verifyPeer),
    method: request.method,
    // A connection of its own: it may last, and ends with the client's.
    agent: false,
    signal,
    headers: { ...Object.fromEntries(kept), ...headers, 'content-length': body.length },
  });
  limitConnecting(outgoing, connectTimeoutMs);
  const asked = await new Promise<WebAsked>((resolve, reject) => {
    outgoing.once('response', (response) => {
      resolve({ kind: 'answered', response });
    });
    outgoing.once('upgrade', (response, socket, head) => {
      resolve({ kind: 'upgraded', response, socket, head });
    });
    outgoing.once('error', (error) => {
      reject(isAppError(error) ? error : dialError(address, error));
    });
    outgoing.end(body);
  });
  if (asked.response.statusCode === 503) await throwIfNotLeading(asked.response, address);
  return asked;
}

async function throwIfNotLeading(response: IncomingMessage, address: string): Promise<void> {
  const refusal = parseRefusal(address, 503, await text(response));
  // Any other is the answer.
  throw isNotLeading(refusal) ? refusal : new AppError(refusal.kind, refusal.message);
}

/** Passes an answer on, to its end or to that of either side. */
export async function pourWeb(
  from: IncomingMessage,
  to: ServerResponse,
  gone: AbortSignal,
): Promise<void> {
  // The connection to the leader ends with the answer, the client's need not.
  const { connection: _connection, 'keep-alive': _alive, ...headers } = from.headers;
  to.writeHead(from.statusCode ?? 502, headers);
  to.flushHeaders();
  await pipeline(from, to, { signal: gone }).catch(() => {
    // That it is cut off is all that can be told now.
    to.destroy();
  });
}
