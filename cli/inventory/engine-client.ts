import { request } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { text } from 'node:stream/consumers';
import type { IncomingMessage } from 'node:http';
import type { PeerCertificate } from 'node:tls';
import { checkServerIdentity, connect as connectTls, TLSSocket } from 'node:tls';
import type { Decoder } from '../../manager/common/base/decode.js';
import { decodeJson, object, optional, string } from '../../manager/common/base/decode.js';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { peerIdentity } from '../../manager/common/pki/pki.js';
import { verifiedTls } from '../../manager/common/protocol/transport-tls.js';
import { serverIdentityCheck } from '../../manager/common/protocol/transport.js';

/** PEM texts of a TLS client. */
export interface ClientCredentials {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface TcpEndpoint {
  readonly host: string;
  readonly port: number;
}

export interface EngineVersion {
  readonly version: string;
  readonly apiVersion: string;
  /** Expiry of the engine's certificate, ms since the epoch. */
  readonly certificateEndsMs?: number;
}

interface VersionAnswer {
  readonly Version?: string | undefined;
  readonly ApiVersion?: string | undefined;
  /** The error of a status other than 200. */
  readonly message?: string | undefined;
}

const versionAnswer: Decoder<VersionAnswer> = object<VersionAnswer>({
  Version: optional(string),
  ApiVersion: optional(string),
  message: optional(string),
});

/**
 * Requests `/version` from an engine over TLS; a single attempt. Throws `unavailable` if the engine
 * rejects the request, or Node's error if the connection fails.
 */
export async function fetchEngineVersion(
  endpoint: TcpEndpoint,
  credentials: ClientCredentials,
  timeoutMs: number,
): Promise<EngineVersion> {
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const { ca, cert, key } = credentials;
    const call = request(
      { ...endpoint, ...verifiedTls, path: '/version', ca, cert, key, agent: false, signal },
      resolve,
    );
    call.on('error', reject);
    call.end();
  });
  // The peer certificate is read before the body: the socket may be closed afterwards.
  const { socket } = response;
  const endsMs =
    socket instanceof TLSSocket ? Date.parse(socket.getPeerCertificate().valid_to) : Number.NaN;
  const body = await text(response);
  const { host, port } = endpoint;
  const version = parseEngineVersion(body, `answer of ${host}:${String(port)} to /version`);
  return { ...version, ...(Number.isNaN(endsMs) ? {} : { certificateEndsMs: endsMs }) };
}

/** Parses an engine's answer to `/version`. Throws `unavailable` with its message if it is an error. */
export function parseEngineVersion(body: string, source: string): EngineVersion {
  const remedy = 'check that Docker Engine listens there';
  const { Version, ApiVersion = '', message } = decodeJson(body, versionAnswer, source, remedy);
  if (Version !== undefined) return { version: Version, apiVersion: ApiVersion };
  throw new AppError('unavailable', message ?? `${source}: no version; ${remedy}`);
}

/**
 * Completes a TLS handshake with a manager; a single attempt. Rejects if that fails, if the
 * certificate is not a manager's, or if it is for another address, which docker would refuse.
 */
export async function checkManagerTls(
  endpoint: TcpEndpoint & {
    /** Address that the certificate must have; by default the endpoint's. */
    readonly certificateHost?: string;
  },
  credentials: ClientCredentials,
  timeoutMs: number,
): Promise<void> {
  const { ca, cert, key } = credentials;
  const { host, port, certificateHost = host } = endpoint;
  await new Promise<void>((resolve, reject) => {
    const socket = connectTls(
      {
        host,
        port,
        ...verifiedTls,
        ca,
        cert,
        key,
        timeout: timeoutMs,
        checkServerIdentity: (_, certificate) => checkManager(certificateHost, certificate),
      },
      () => {
        socket.destroy();
        resolve();
      },
    );
    socket.on('timeout', () => socket.destroy(new Error('timed out')));
    socket.on('error', reject);
  });
}

/** Checks the address in the certificate, then the role of its owner. */
function checkManager(host: string, certificate: PeerCertificate): Error | undefined {
  const problem = checkServerIdentity(host, certificate);
  if (problem !== undefined) return problem;
  return serverIdentityCheck((presented) => {
    const { role, clusterId } = peerIdentity(presented);
    if (role === 'manager') return;
    throw new AppError(
      'forbidden',
      `certificate of ${host}: issued to a ${role} of cluster ${clusterId}, not a manager`,
    );
  })(host, certificate);
}

/** Probes a TCP port: open, closed (refused or unreachable), or no answer within `timeoutMs`. */
export async function probeTcp(
  endpoint: TcpEndpoint,
  timeoutMs: number,
): Promise<'open' | 'closed' | 'timeout'> {
  return new Promise((resolve) => {
    const socket = connectTcp({ ...endpoint, timeout: timeoutMs });
    const settle = (state: 'open' | 'closed' | 'timeout'): void => {
      socket.destroy();
      resolve(state);
    };
    socket.on('connect', () => {
      settle('open');
    });
    socket.on('timeout', () => {
      settle('timeout');
    });
    socket.on('error', () => {
      settle('closed');
    });
  });
}

/** The message of a connection error, prefixed with its code unless the message contains it. */
export function connectionErrorText(error: unknown): string {
  const { code } = error as { code?: string };
  const message = messageOf(error);
  return code === undefined || message.includes(code) ? message : `${code} ${message}`;
}
