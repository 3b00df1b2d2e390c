import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ExecutionContext } from 'ava';
import { ConsulClient } from '../../../manager/store/consul/client.js';
import type { RetryTimer } from '../../../manager/store/consul/client.js';

export interface ConsulRequest {
  /** Method and path without the query: `GET /v1/kv/a`. */
  readonly line: string;
  readonly query: URLSearchParams;
  readonly body: unknown;
  readonly headers: IncomingMessage['headers'];
}

/** An answer to a request; `hang-up` closes the connection without one. */
export type ConsulAnswer = { readonly status?: number; readonly body?: unknown } | 'hang-up';
export type Answerer = (request: ConsulRequest) => ConsulAnswer | Promise<ConsulAnswer>;

export interface FakeServer {
  readonly port: number;
  readonly requests: readonly ConsulRequest[];
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  if (text === '') return undefined;
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return text;
  }
}

function reply(response: ServerResponse, answer: ConsulAnswer): void {
  if (answer === 'hang-up') {
    response.destroy();
    return;
  }
  const { status = 200, body } = answer;
  const isText = typeof body === 'string';
  response.writeHead(status, { 'content-type': isText ? 'text/plain' : 'application/json' });
  response.end(isText || body === undefined ? body : JSON.stringify(body));
}

/** An HTTP server in the place of a Consul, until the end of the test. */
export async function startFakeServer(t: ExecutionContext, answer: Answerer): Promise<FakeServer> {
  const requests: ConsulRequest[] = [];
  const server = createServer((incoming, response) => {
    void (async () => {
      const url = new URL(incoming.url ?? '', 'http://consul');
      const request = {
        line: `${incoming.method ?? ''} ${decodeURIComponent(url.pathname)}`,
        query: url.searchParams,
        body: await readBody(incoming),
        headers: incoming.headers,
      };
      requests.push(request);
      reply(response, await answer(request));
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  t.teardown(() => {
    server.closeAllConnections();
    server.close();
  });
  return { port: (server.address() as AddressInfo).port, requests };
}

/** A client of servers on these local ports, until the end of the test. */
export function clientOfPorts(
  t: ExecutionContext,
  ports: readonly number[],
  { token, timer }: { readonly token?: string; readonly timer?: RetryTimer } = {},
): ConsulClient {
  const servers = ports.map((port) => ({ host: '127.0.0.1', port }));
  const client = new ConsulClient({ servers, prefix: 'shoal', token }, timer);
  t.teardown(() => {
    client.close();
  });
  return client;
}
