import type { ServerResponse } from 'node:http';
import { AppError } from '../base/errors.js';
import type { Peer } from '../protocol/peer.js';
import { parseBody } from '../protocol/transport-server.js';
import type { WebRequest } from '../protocol/transport-web.js';
import { apiVersion, parseTarget } from './api-version.js';
import { writeAnswer } from './answer.js';
import type { ApiRequest, GatewayContext, GatewayOptions } from './context.js';
import { findRoute } from './router.js';
import { UseFeed } from './use-feed.js';

/** The Docker Engine API in front of the whole cluster, for stock clients. */
export class Gateway {
  readonly #context: GatewayContext;

  constructor(options: GatewayOptions) {
    this.#context = { ...options, uses: new UseFeed(options.statistics) };
  }

  /** What is thrown before the answer has begun is the answer: its kind is the status. */
  async answer({ identity, request, response, body, signal }: WebRequest<Peer>): Promise<void> {
    setHeaders(response, this.#context.cluster.version);
    const target = parseTarget(request.url ?? '/');
    const method = request.method ?? 'GET';
    const { handler, names } = findRoute(method, target.path);
    const asked: ApiRequest = {
      ...target,
      method,
      peer: identity,
      signal,
      body: async () => objectOf(await body()),
    };
    const answer = await handler(this.#context, asked, ...names);
    await writeAnswer(answer, request, response, signal);
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

function objectOf(body: Buffer): Readonly<Record<string, unknown>> {
  const value = parseBody(body);
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Readonly<Record<string, unknown>>;
  }
  throw new AppError('invalid', 'the request is no JSON object');
}
