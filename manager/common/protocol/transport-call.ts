import type { ClientRequest } from 'node:http';
import { Agent, request } from 'node:https';
import { TLSSocket } from 'node:tls';
import { anything, decodeJson } from '../base/decode.js';
import { AppError } from '../base/errors.js';
import { explainDialError, serverIdentityCheck, parseErrorResponse } from './transport.js';
import type { PeerCertificateFields, TlsMaterial } from './transport-tls.js';
import { tlsOptions } from './transport-tls.js';

export interface HttpCallOptions {
  readonly path: string;
  /** Sent as JSON. */
  readonly body: unknown;
  /** Deadline for the complete response, ms. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Time after which a client closes an idle connection, ms. A server keeps it for longer: a request
 * on a connection that its server closes at that moment would fail with a reset.
 */
export const idleConnectionMs = 30_000;

/** HTTP client for one manager: `POST`s JSON over mutual TLS with keep-alive connections. */
export class ManagerHttpClient {
  readonly #address: string;
  readonly #ca: string;
  readonly #agent: Agent;
  readonly #connectTimeoutMs: number | undefined;

  constructor(options: {
    readonly address: string;
    readonly tls: TlsMaterial;
    readonly verifyPeer: (certificate: PeerCertificateFields) => void;
    /** Connect timeout, ms; defaults to the timeout of the call. */
    readonly connectTimeoutMs?: number;
  }) {
    this.#address = options.address;
    this.#ca = options.tls.ca;
    this.#connectTimeoutMs = options.connectTimeoutMs;
    this.#agent = new Agent({
      ...tlsOptions(options.tls),
      checkServerIdentity: serverIdentityCheck(options.verifyPeer),
      keepAlive: true,
      // Ends idle connections only: calls have deadlines of their own.
      timeout: idleConnectionMs,
      maxSockets: 8,
    });
  }

  /**
   * Resolves with the response's JSON. Throws the error the server returned, or the errors of
   * `dial`.
   */
  async call(options: HttpCallOptions): Promise<unknown> {
    const deadline = AbortSignal.timeout(options.timeoutMs);
    const signal =
      options.signal === undefined ? deadline : AbortSignal.any([options.signal, deadline]);
    try {
      const { status, text } = await this.#post(options, signal);
      if (status !== 200) throw parseErrorResponse(this.#address, status, text);
      return parseAnswer(this.#address, text);
    } catch (error) {
      if (options.signal?.aborted === true) {
        throw new AppError('cancelled', `call to ${this.#address} was cancelled`);
      }
      if (deadline.aborted) {
        const seconds = options.timeoutMs / 1000;
        throw new AppError('timeout', `${this.#address} did not answer within ${seconds} s`);
      }
      throw await explainDialError(this.#address, error as Error, this.#ca);
    }
  }

  close(): void {
    this.#agent.destroy();
  }

  #post(options: HttpCallOptions, signal: AbortSignal): Promise<{ status: number; text: string }> {
    const body = Buffer.from(JSON.stringify(options.body));
    return new Promise((resolve, reject) => {
      const outgoing = request(
        `https://${this.#address}${options.path}`,
        {
          method: 'POST',
          agent: this.#agent,
          signal,
          headers: {
            ...options.headers,
            'content-type': 'application/json',
            'content-length': body.length,
          },
        },
        (response) => {
          const chunks: Buffer[] = [];
          response.on('data', (chunk: Buffer) => chunks.push(chunk));
          response.once('error', reject);
          response.once('end', () => {
            resolve({
              status: response.statusCode ?? 0,
              text: Buffer.concat(chunks).toString('utf8'),
            });
          });
        },
      );
      outgoing.once('error', reject);
      if (this.#connectTimeoutMs !== undefined) setConnectTimeout(outgoing, this.#connectTimeoutMs);
      outgoing.end(body);
    });
  }
}

function parseAnswer(address: string, text: string): unknown {
  try {
    return decodeJson(text, anything, address);
  } catch (error) {
    throw new AppError(
      'unavailable',
      `${address}: the answer is not JSON; check that the address is that of a manager`,
      { cause: error },
    );
  }
}

/**
 * Destroys the request's socket with ETIMEDOUT if the TLS handshake takes longer than `timeoutMs`,
 * because a machine that lost power never refuses the connection.
 */
export function setConnectTimeout(outgoing: ClientRequest, timeoutMs: number): void {
  outgoing.once('socket', (socket) => {
    if (!(socket instanceof TLSSocket) || !socket.connecting) return;
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('connection timed out'), { code: 'ETIMEDOUT' }));
    }, timeoutMs);
    const connected = (): void => {
      clearTimeout(timer);
    };
    socket.once('secureConnect', connected).once('close', connected);
  });
}
