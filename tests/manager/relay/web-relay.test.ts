import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer, request as httpRequest } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { peerIdentity } from '../../../manager/common/pki/pki.js';
import { forwardRequest, isUpload, pipeResponse } from '../../../manager/relay/web-relay.js';
import { serve } from '../../../manager/transport/transport-server.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createTestPki, isManagerOf } from '../../helpers/pki/pki.js';

let pki: TestPki;

test.before(async () => {
  pki = await createTestPki('c1');
});

/** A leader that answers with the number of bytes of the body and the values of a header. */
async function startLeader(t: ExecutionContext): Promise<number> {
  const leader = await serve({
    ...{ host: '127.0.0.1', port: 0, tls: await pki.node('manager', 'm1'), log: silentLogger },
    authenticate: peerIdentity,
    call: () => Promise.resolve(null),
    stream: () => undefined,
    health: { path: '/v1/health', answer: () => ({}) },
    web: {
      matches: () => true,
      answer: async ({ request, response }) => {
        let bytes = 0;
        for await (const chunk of request as AsyncIterable<Buffer>) bytes += chunk.length;
        const methods = request.headersDistinct['x-docker-method'] ?? [];
        response.end(`${bytes} ${methods.join('|')}`);
      },
      upgrade: () => Promise.resolve(),
    },
  });
  t.teardown(() => leader.close());
  return leader.port;
}

/** A follower that forwards every request; returns its port and the uploads it has seen. */
async function startFollower(
  t: ExecutionContext,
  leaderPort: number,
): Promise<{ readonly port: number; readonly uploads: readonly boolean[] }> {
  const tls = await pki.node('manager', 'm2');
  const uploads: boolean[] = [];
  const hop = {
    ...{ address: `127.0.0.1:${leaderPort}`, tls, verifyPeer: isManagerOf('c1') },
    ...{ headers: {}, connectTimeoutMs: 5_000 },
  };
  const { signal } = new AbortController();
  const server = createServer((request, response) => {
    uploads.push(isUpload(request));
    const forward = async (): Promise<void> => {
      const body = isUpload(request) ? undefined : Buffer.from(await text(request));
      const answer = await forwardRequest({ request, body, signal }, hop);
      await pipeResponse(answer, response, signal);
    };
    forward().catch(() => response.destroy());
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  t.teardown(() => server.close());
  return { port: (server.address() as AddressInfo).port, uploads };
}

async function send(
  port: number,
  body: Iterable<Uint8Array>,
  headers: Readonly<Record<string, string | string[]>>,
): Promise<string> {
  const outgoing = httpRequest({
    port,
    method: 'POST',
    path: '/images/load',
    agent: false,
    headers,
  });
  Readable.from(body).pipe(outgoing);
  const [answer] = (await once(outgoing, 'response')) as [IncomingMessage];
  return text(answer);
}

test('an upload of unknown length is streamed to the leader with repeated headers', async (t) => {
  const { port, uploads } = await startFollower(t, await startLeader(t));
  const parts = Array.from({ length: 48 }, () => Buffer.alloc(65_536));
  t.is(await send(port, parts, { 'x-docker-method': ['a', 'b'] }), `${48 * 65_536} a|b`);
  t.deepEqual(uploads, [true]);
});

test('a short body is buffered, so that it can be sent again', async (t) => {
  const { port, uploads } = await startFollower(t, await startLeader(t));
  t.is(await send(port, [Buffer.from('hello')], { 'content-length': '5' }), '5 ');
  t.deepEqual(uploads, [false]);
});
