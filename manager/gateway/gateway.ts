import type { IncomingMessage, ServerResponse } from 'node:http';
import { accessOf, requireAccess } from '../access/client-access.js';
import { scopeEvents, scopeOf, scopeStore } from '../access/scoped-sources.js';
import { isFields } from '../common/base/decode.js';
import { AppError, isForbidden } from '../common/base/errors.js';
import type { ClientAccess } from '../common/model/trust/client.js';
import type { Peer } from '../transport/peer.js';
import { parseBody } from '../transport/request-body.js';
import type { RawHttpRequest, RawHttpUpgrade } from '../transport/transport-raw-http.js';
import { apiVersion, parseTarget } from './api-version.js';
import type { ApiResponse } from './response.js';
import { writeResponse, writeUpgrade } from './response.js';
import type { ApiRequest, GatewayContext, GatewayOptions, JsonBody } from './context.js';
import { ExecRegistry } from './execs.js';
import type { RouteMatch } from './router.js';
import { findRoute } from './router.js';
import { UsageFeed } from './usage-feed.js';

/** Serves the Docker Engine API for the whole cluster to stock Docker clients. */
export class Gateway {
  readonly #context: GatewayContext;

  constructor(options: GatewayOptions) {
    this.#context = {
      ...options,
      usage: new UsageFeed(options.statistics),
      execs: new ExecRegistry(options.newId),
    };
  }

  /**
   * Handles a request. Errors thrown before the response starts become the response: kind → status.
   */
  async answer({ identity, request, response, body, signal }: RawHttpRequest<Peer>): Promise<void> {
    setHeaders(response, this.#context.cluster.version);
    const read = async (): Promise<JsonBody> => objectOf(await body());
    const answer = await this.#dispatch(request, {
      ...{ peer: identity, signal, body: read },
      upload: request as AsyncIterable<Uint8Array>,
    });
    await writeResponse(answer, request, response, signal);
  }

  /** Handles a request with a connection upgrade: attach and exec. */
  async upgrade(web: RawHttpUpgrade<Peer>): Promise<void> {
    const { identity, request, socket } = web;
    const gone = new AbortController();
    socket.once('close', () => {
      gone.abort();
    });
    const body = (): Promise<JsonBody> => Promise.resolve().then(() => objectOf(web.body));
    const answer = await this.#dispatch(request, {
      ...{ peer: identity, signal: gone.signal, body },
      upload: noUpload(),
    });
    await writeUpgrade(answer, web);
  }

  async #dispatch(
    request: IncomingMessage,
    rest: Pick<ApiRequest, 'peer' | 'signal' | 'body' | 'upload'>,
  ): Promise<ApiResponse> {
    const target = parseTarget(request.url ?? '/');
    const { method = 'GET', headers, headersDistinct: distinctHeaders } = request;
    const route = findRoute(method, target.path);
    const asked = { ...target, ...rest, method, headers, distinctHeaders };
    const { audit } = this.#context;
    const action = `${method} ${target.path}`;
    try {
      const response = await this.#respond(route, asked, action);
      if (route.reveals) await audit.revealed(rest.peer, action, '');
      return response;
    } catch (error) {
      const isRead = method === 'GET' || method === 'HEAD';
      if (!isRead || route.reveals || isForbidden(error)) {
        await audit.failed(rest.peer, action, error);
      }
      throw error;
    }
  }

  async #respond(
    { handler, right, names }: RouteMatch,
    request: ApiRequest,
    action: string,
  ): Promise<ApiResponse> {
    const access = accessOf(request.peer);
    requireAccess(access, { action, required: right });
    return handler(scopeContext(this.#context, access), request, ...names);
  }
}

/** Hides the objects of other projects from the handlers. */
function scopeContext(context: GatewayContext, access: ClientAccess): GatewayContext {
  const scope = scopeOf(context.store, access);
  if (scope === undefined) return context;
  return {
    ...context,
    store: scopeStore(context.store, scope),
    events: scopeEvents(context.events, scope),
  };
}

/**
 * Sets the headers of every response, also of errors: clients negotiate the API version from them.
 */
function setHeaders(response: ServerResponse, version: string): void {
  response.setHeader('api-version', apiVersion);
  response.setHeader('docker-experimental', 'false');
  response.setHeader('ostype', 'linux');
  response.setHeader('swarm', 'active/manager');
  response.setHeader('server', `Shoal/${version} (linux)`);
}

async function* noUpload(): AsyncGenerator<Uint8Array> {
  // The client's bytes belong to the upgraded connection.
}

function objectOf(body: Buffer): JsonBody {
  const value = parseBody(body);
  if (isFields(value)) return value;
  throw new AppError('invalid', 'request body: must be a JSON object');
}
