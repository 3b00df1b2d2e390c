import type { IncomingMessage, ServerResponse } from 'node:http';
import { AppError } from '../common/base/errors.js';
import type { Peer } from '../transport/peer.js';
import { parseBody } from '../transport/transport-server.js';
import type { WebRequest, WebUpgrade } from '../transport/transport-web.js';
import { apiVersion, parseTarget } from './api-version.js';
import type { Answer } from './answer.js';
import { writeAnswer, writeUpgrade } from './answer.js';
import type { ApiRequest, GatewayContext, GatewayOptions, JsonBody } from './context.js';
import { Execs } from './execs.js';
import { findRoute } from './router.js';
import { UseFeed } from './use-feed.js';

/** The Docker Engine API in front of the whole cluster, for stock clients. */
export class Gateway {
  readonly #context: GatewayContext;

  constructor(options: GatewayOptions) {
    this.#context = {
      ...options,
      uses: new UseFeed(options.statistics),
      execs: new Execs(options.newId),
    };
  }

  /** What is thrown before the answer has begun is the answer: its kind is the status. */
  async answer({ identity, request, response, body, signal }: WebRequest<Peer>): Promise<void> {
    setHeaders(response, this.#context.cluster.version);
    const read = async (): Promise<JsonBody> => objectOf(await body());
    const answer = await this.#ask(request, { peer: identity, signal, body: read });
    await writeAnswer(answer, request, response, signal);
  }

  /** For a client that offers its connection to what it wants to talk to. */
  async upgrade(web: WebUpgrade<Peer>): Promise<void> {
    const { identity, request, socket } = web;
    const gone = new AbortController();
    socket.once('close', () => {
      gone.abort();
    });
    const body = (): Promise<JsonBody> => Promise.resolve().then(() => objectOf(web.body));
    const answer = await this.#ask(request, { peer: identity, signal: gone.signal, body });
    await writeUpgrade(answer, web);
  }

  async #ask(
    request: IncomingMessage,
    asked: Pick<ApiRequest, 'peer' | 'signal' | 'body'>,
  ): Promise<Answer> {
    const target = parseTarget(request.url ?? '/');
    const { handler, names } = findRoute(request.method ?? 'GET', target.path);
    return handler(this.#context, { ...target, ...asked }, ...names);
  }
}

/** On every answer: clients choose their version by them, also from an error. */
function setHeaders(response: ServerResponse, version: string): void {
  response.setHeader('api-version', apiVersion);
  response.setHeader('docker-experimental', 'false');
  response.setHeader('ostype', 'linux');
  response.setHeader('swarm', 'inactive');
  response.setHeader('server', `Shoal/${version} (linux)`);
}

function objectOf(body: Buffer): JsonBody {
  const value = parseBody(body);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as JsonBody;
  }
  throw new AppError('invalid', 'the request is no JSON object');
}
