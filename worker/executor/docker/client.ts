import type { Duplex } from 'node:stream';
import Docker from 'dockerode';
import { AppError, isAppError, messageOf } from '../../../manager/common/base/errors.js';
import {
  engineErrorKind,
  engineErrorText,
} from '../../../manager/common/protocol/engine/engine-error.js';
import { untilAborted } from '../../../manager/common/base/cancellation.js';
import {
  nonEmptyString,
  object,
  string,
  type Decoder,
} from '../../../manager/common/base/decode.js';

/**
 * Newest API version this client uses; engines down to 20.10 (1.41) are addressed in their own
 * version.
 */
const newestApiMinor = 45;
const oldestApiMinor = 41;

interface EngineError {
  readonly statusCode?: number;
  readonly code?: string;
  readonly name?: string;
  readonly json?: unknown;
}

const unreachableCodes = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ENOENT',
  'EPIPE',
  'ETIMEDOUT',
  'EACCES',
]);

function engineMessage(error: EngineError): string {
  const text = engineErrorText(error.json);
  return text ?? messageOf(error).replace(/^\(HTTP code \d+\) [^-]* - /u, '');
}

function firstLine(text: string): string {
  return text.trim().split('\n')[0]?.replace(/\.$/u, '') ?? '';
}

/** Converts an error of dockerode to an AppError. `operation` names the call and its object. */
export function translateError(error: unknown, operation: string): AppError {
  if (isAppError(error)) return error;
  const seen = error as EngineError;
  if (seen.name === 'TimeoutError') {
    return new AppError('timeout', `${operation}: the engine did not answer in time`, {
      cause: error,
    });
  }
  if (seen.name === 'AbortError' || seen.code === 'ABORT_ERR') {
    return new AppError('cancelled', `${operation}: cancelled`, { cause: error });
  }
  if (seen.code !== undefined && unreachableCodes.has(seen.code)) {
    return new AppError(
      'unavailable',
      `${operation}: cannot connect to the Docker engine (${seen.code}); check that it is running`,
      {
        cause: error,
      },
    );
  }
  const kind = engineErrorKind(seen.statusCode ?? 0);
  return new AppError(kind, `${operation}: ${firstLine(engineMessage(seen))}`, { cause: error });
}

type EngineRequest<Result> = (docker: Docker, abortSignal: AbortSignal) => Promise<Result>;

/** A request whose answer is decoded; a malformed answer fails the call as `internal`. */
export function decoded<Result>(
  decoder: Decoder<Result>,
  request: EngineRequest<unknown>,
): EngineRequest<Result> {
  return async (docker, abortSignal) => {
    const answer = await request(docker, abortSignal);
    try {
      return decoder(answer, '');
    } catch (error) {
      // Not an AppError yet: `translateError` adds the operation.
      throw new Error(`malformed engine answer: ${messageOf(error)}`, { cause: error });
    }
  };
}

interface EngineVersion {
  readonly Version: string;
  readonly ApiVersion: string;
}

const engineVersion = object<EngineVersion>({ Version: string, ApiVersion: nonEmptyString });

/**
 * Client of one engine over its Unix socket. The only module that imports dockerode; all errors are
 * AppErrors.
 */
export class EngineClient {
  readonly #docker: Docker;
  #apiMinor = oldestApiMinor;

  constructor(socketPath: string) {
    this.#docker = new Docker({ socketPath });
    refuseRedirects(this.#docker.modem);
  }

  /** Minor number of the API version in use: 1.<n>. */
  get apiMinor(): number {
    return this.#apiMinor;
  }

  /** Negotiates the API version. Call it on each (re)connect. */
  async negotiate(signal: AbortSignal): Promise<void> {
    const version = await this.call(
      'get engine version',
      decoded(engineVersion, async (docker) => {
        Object.assign(docker.modem, { version: undefined });
        return await docker.version();
      }),
      signal,
      5_000,
    );
    const minor = Number(version.ApiVersion.split('.')[1] ?? Number.NaN);
    if (!(minor >= oldestApiMinor)) {
      throw new AppError(
        'unsupported',
        `engine ${version.Version} has API ${version.ApiVersion}; upgrade it to API 1.${String(oldestApiMinor)} (Docker 20.10) or newer`,
      );
    }
    this.#apiMinor = Math.min(minor, newestApiMinor);
    Object.assign(this.#docker.modem, { version: `v1.${String(this.#apiMinor)}` });
  }

  /** Sends the cheapest request; `node` names the machine in the error. */
  async ping(node: string, signal: AbortSignal): Promise<void> {
    await this.call(
      `node ${node}`,
      (docker, abortSignal) =>
        dial(docker, { path: '/_ping', method: 'GET', abortSignal, statusCodes: { 200: true } }),
      signal,
    );
  }

  /**
   * Sends one request with a timeout. `operation` prefixes error messages. Status 304 (not modified)
   * returns undefined, never an error.
   */
  async call<Result>(
    operation: string,
    request: EngineRequest<Result>,
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
        operation,
      );
    }
  }

  /** Sends a request whose response is a long-lived stream; it ends when `signal` aborts. */
  async open<Result>(
    operation: string,
    request: EngineRequest<Result>,
    signal: AbortSignal,
  ): Promise<Result> {
    try {
      return await untilAborted(request(this.#docker, signal), signal);
    } catch (error) {
      throw translateError(error, operation);
    }
  }

  /**
   * Sends a GET and returns the response as a stream. dockerode itself buffers some responses (a
   * log without `follow`) in memory.
   */
  async stream(
    operation: string,
    path: string,
    query: Readonly<Record<string, string | number | boolean>>,
    signal: AbortSignal,
  ): Promise<NodeJS.ReadableStream> {
    return (await this.open(
      operation,
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

  /** Sends a POST that upgrades its connection to the protocol named in `headers`. */
  async upgrade(
    operation: string,
    path: string,
    signal: AbortSignal,
    headers: Readonly<Record<string, string | readonly string[]>>,
  ): Promise<Duplex> {
    return (await this.open(
      operation,
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

function dial(docker: Docker, request: ModemRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    (docker.modem as Modem).dial(request, (error, answer) => {
      if (error !== null || answer === null) reject(error ?? new Error('empty response'));
      else resolve(answer);
    });
  });
}

interface ModemRequest {
  readonly path: string;
  readonly [option: string]: unknown;
}

type DialCallback = (error: Error | null, answer: unknown) => void;

interface Modem {
  dial(request: ModemRequest, callback: DialCallback): void;
}

/**
 * The engine redirects a path that is not in its shortest form, which a malformed image name can
 * cause. dockerode's client cannot follow a redirect over a socket: it throws outside of the call,
 * which would end the process. Such requests are refused instead.
 */
function refuseRedirects(modem: Modem): void {
  const send = modem.dial.bind(modem);
  modem.dial = (request, callback) => {
    const [path = ''] = request.path.split('?');
    if (isShortest(path)) send(request, callback);
    else callback(new AppError('invalid', `invalid reference format: ${path}`), null);
  };
}

function isShortest(path: string): boolean {
  return !/\/\/|(?:^|\/)\.{1,2}(?:\/|$)/u.test(path);
}
