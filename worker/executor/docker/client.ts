import type { Duplex } from 'node:stream';
import Docker from 'dockerode';
import {
  AppError,
  isAppError,
  messageOf,
  type ErrorKind,
} from '../../../manager/common/base/errors.js';
import { untilAborted } from '../../cancellation.js';

/** API this room is written for; older engines down to 20.10 (1.41) are spoken to in their own. */
const newestApiMinor = 45;
const oldestApiMinor = 41;

interface EngineError {
  readonly statusCode?: number;
  readonly code?: string;
  readonly name?: string;
  readonly json?: unknown;
}

const kindOfStatus: Readonly<Record<number, ErrorKind>> = {
  400: 'invalid',
  401: 'forbidden',
  403: 'forbidden',
  404: 'not-found',
  409: 'conflict',
  500: 'internal',
  501: 'unsupported',
  503: 'unavailable',
};

const unreachableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EACCES',
]);

function engineMessage(error: EngineError): string {
  const { json } = error;
  if (typeof json === 'object' && json !== null && 'message' in json) return String(json.message);
  return messageOf(error).replace(/^\(HTTP code \d+\) [^-]* - /u, '');
}

function oneLine(text: string): string {
  return text.trim().split('\n')[0]?.replace(/\.$/u, '') ?? '';
}

/** What dockerode threw, in the project's own error. `what` names the call and its object. */
export function translateError(error: unknown, what: string): AppError {
  if (isAppError(error)) return error;
  const seen = error as EngineError;
  if (seen.name === 'TimeoutError') {
    return new AppError('timeout', `${what}: the engine did not answer in time`, { cause: error });
  }
  if (seen.name === 'AbortError' || seen.code === 'ABORT_ERR') {
    return new AppError('cancelled', `${what}: cancelled`, { cause: error });
  }
  if (seen.code !== undefined && unreachableCodes.has(seen.code)) {
    return new AppError('unavailable', `${what}: engine not reachable (${seen.code})`, {
      cause: error,
    });
  }
  const kind = kindOfStatus[seen.statusCode ?? 0] ?? 'internal';
  return new AppError(kind, `${what}: ${oneLine(engineMessage(seen))}`, { cause: error });
}

/**
 * One engine, over its socket. The only place that knows the client library; errors leave it as AppError.
 */
export class EngineClient {
  readonly #docker: Docker;
  #apiMinor = oldestApiMinor;

  constructor(socketPath: string) {
    this.#docker = new Docker({ socketPath });
  }

  /** Minor number of the API version in use: 1.<n>. */
  get apiMinor(): number {
    return this.#apiMinor;
  }

  /** Learns what the engine speaks. To be called on each (re)connect. */
  async negotiate(signal: AbortSignal): Promise<void> {
    const version = await this.call(
      'ask the engine for its version',
      async (docker) => {
        Object.assign(docker.modem, { version: undefined });
        return await docker.version();
      },
      signal,
      5_000,
    );
    const minor = Number(version.ApiVersion.split('.')[1] ?? Number.NaN);
    if (!(minor >= oldestApiMinor)) {
      throw new AppError(
        'unsupported',
        `engine ${version.Version} speaks API ${version.ApiVersion}, needed is 1.${String(oldestApiMinor)} (Docker 20.10) or newer`,
      );
    }
    this.#apiMinor = Math.min(minor, newestApiMinor);
    Object.assign(this.#docker.modem, { version: `v1.${String(this.#apiMinor)}` });
  }

  /**
   * One request with a deadline. `what` is the beginning of the error's line. A 304 (already so) is
   * undefined, never an error.
   */
  async call<Result>(
    what: string,
    request: (docker: Docker, abortSignal: AbortSignal) => Promise<Result>,
    signal: AbortSignal,
    timeoutMs = 60_000,
  ): Promise<Result> {
    const abortSignal = AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]);
    try {
      return await untilAborted(request(this.#docker, abortSignal), abortSignal);
    } catch (error) {
      if ((error as EngineError).statusCode === 304) return undefined as Result;
      throw translateError(
        abortSignal.aborted && !signal.aborted ? abortSignal.reason : error,
        what,
      );
    }
  }

  /** A request whose answer is a stream that may last: ends with `signal`. */
  async open<Result>(
    what: string,
    request: (docker: Docker, abortSignal: AbortSignal) => Promise<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    try {
      return await untilAborted(request(this.#docker, signal), signal);
    } catch (error) {
      throw translateError(error, what);
    }
  }

  /**
   * A GET whose answer is read as it comes. The library itself reads some of them (a log that is not
   * followed) whole into memory.
   */
  async stream(
    what: string,
    path: string,
    query: Readonly<Record<string, string | number | boolean>>,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream> {
    return (await this.open(
      what,
      (docker, abortSignal) =>
        dial(docker, {
          path: `${path}?`,
          method: 'GET',
          abortSignal,
          isStream: true,
          statusCodes: { 200: true },
          options: { ...query },
        }),
      signal,
    )) as NodeJS.ReadableStream;
  }

  /** A POST that turns its connection into one of another protocol, which `headers` names. */
  async upgrade(
    what: string,
    path: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string | readonly string[]>>,
  ): Promise<Duplex> {
    return (await this.open(
      what,
      (docker, abortSignal) =>
        dial(docker, {
          path,
          method: 'POST',
          abortSignal,
          hijack: true,
          headers,
          statusCodes: { 101: true, 200: true },
        }),
      signal,
    )) as Duplex;
  }
}

function dial(docker: Docker, request: object): Promise<unknown> {
  return new Promise((resolve, reject) => {
    (docker.modem as Modem).dial(request, (error, answer) => {
      if (error !== null || answer === null) reject(error ?? new Error('no answer'));
      else resolve(answer);
    });
  });
}

interface Modem {
  dial(request: object, callback: (error: Error | null, answer: unknown) => void): void;
}
