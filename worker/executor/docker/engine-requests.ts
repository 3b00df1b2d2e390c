import type { ClientRequest, IncomingMessage, OutgoingHttpHeaders } from 'node:http';
import { request as httpRequest } from 'node:http';
import type { Duplex } from 'node:stream';
import { AppError } from '../../../manager/common/base/errors.js';
import type { EngineRequest } from '../../../manager/common/protocol/engine/engine-request.js';
import {
  containerPlaceholder,
  isPermittedRequest,
} from '../../../manager/common/protocol/engine/engine-request.js';
import type { EngineAnswer, EngineRequests } from '../executor.js';
import { translateError } from './client.js';

/** Passes requests over the engine's Unix socket; each has a connection of its own. */
export class DockerEngineRequests implements EngineRequests {
  readonly #socketPath: string;
  readonly #apiMinor: () => number;

  /** `apiMinor`: the newest version that the engine speaks, 1.<minor>. */
  constructor(socketPath: string, apiMinor: () => number) {
    this.#socketPath = socketPath;
    this.#apiMinor = apiMinor;
  }

  async pass(
    request: EngineRequest,
    containerId: string | undefined,
    input: NodeJS.ReadableStream,
    signal: AbortSignal,
  ): Promise<EngineAnswer> {
    const { method, path, upgrade } = request;
    if (
      !isPermittedRequest(request) ||
      path.includes(containerPlaceholder) !== (containerId !== undefined)
    ) {
      throw new AppError('forbidden', `${method} ${path}: not permitted by this node`);
    }
    const version = Math.min(request.apiMinor, this.#apiMinor());
    const outgoing = httpRequest({
      socketPath: this.#socketPath,
      method,
      path: `/v1.${String(version)}${path.replace(containerPlaceholder, containerId ?? '')}`,
      agent: false,
      signal,
      headers: headersOf(request),
    });
    return await answerOf(
      outgoing,
      `${method} ${path}`,
      () => {
        if (upgrade !== undefined || !['POST', 'PUT'].includes(method)) outgoing.end();
        else input.pipe(outgoing);
      },
      input,
    );
  }
}

function headersOf({ headers, upgrade }: EngineRequest): OutgoingHttpHeaders {
  return {
    ...Object.fromEntries(Object.entries(headers).map(([name, values]) => [name, [...values]])),
    host: 'docker',
    ...(upgrade === undefined ? {} : { connection: 'Upgrade', upgrade }),
  };
}

function answerOf(
  outgoing: ClientRequest,
  operation: string,
  send: () => void,
  input: NodeJS.ReadableStream,
): Promise<EngineAnswer> {
  return new Promise((resolve, reject) => {
    outgoing.once('response', (response) => {
      resolve({ ...headOf(response), output: response });
    });
    outgoing.once('upgrade', (response: IncomingMessage, socket: Duplex, head: Buffer) => {
      if (head.length > 0) socket.unshift(head);
      socket.on('error', () => undefined);
      input.pipe(socket);
      resolve({ ...headOf(response), output: socket });
    });
    // Also after the head: the error then ends the output.
    outgoing.on('error', (error) => {
      reject(translateError(error, operation));
    });
    send();
  });
}

/** Headers of one connection, or set by the manager for all answers. */
const droppedHeaders = new Set([
  ...['connection', 'keep-alive', 'transfer-encoding', 'date', 'server', 'upgrade'],
  ...['api-version', 'docker-experimental', 'ostype'],
]);

function headOf({ statusCode = 502, headers }: IncomingMessage): Omit<EngineAnswer, 'output'> {
  return {
    status: statusCode,
    headers: Object.fromEntries(
      Object.entries(headers).flatMap(([name, value]) =>
        value === undefined || droppedHeaders.has(name) ? [] : [[name, String(value)]],
      ),
    ),
  };
}
