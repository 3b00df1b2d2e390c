import type { RequestListener } from 'node:http';
import { createServer } from 'node:http';
import { mkdtemp, rm } from 'node:fs/promises';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { EngineRequest } from '../../../../manager/common/protocol/engine/engine-request.js';
import { DockerEngineRequests } from '../../../../worker/executor/docker/engine-requests.js';

async function engineOf(
  t: ExecutionContext,
  listener: RequestListener,
): Promise<{
  readonly requests: DockerEngineRequests;
  readonly server: ReturnType<typeof createServer>;
}> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-engine-'));
  const socket = join(folder, 'docker.sock');
  const server = createServer(listener).listen(socket);
  await once(server, 'listening');
  t.teardown(async () => {
    server.closeAllConnections();
    server.close();
    await rm(folder, { recursive: true });
  });
  return { requests: new DockerEngineRequests(socket, () => 41), server };
}

const never = new AbortController().signal;
const aRequest: EngineRequest = { method: 'GET', path: '/images/json', apiMinor: 45, headers: {} };

test('a request reaches the engine in its version with body and repeated headers', async (t) => {
  const seen: unknown[] = [];
  const { requests } = await engineOf(t, (request, response) => {
    void text(request).then((body) => {
      seen.push(request.method, request.url, request.headersDistinct['x-docker-y'], body);
      response.writeHead(404, { 'content-type': 'application/json', 'x-docker-z': 'kept' });
      response.end('{"message":"no"}');
    });
  });
  const asked = await requests.pass(
    {
      ...aRequest,
      method: 'POST',
      path: '/images/load?quiet=1',
      headers: { 'x-docker-y': ['a', 'b'] },
    },
    undefined,
    Readable.from(['an ', 'archive']),
    never,
  );
  t.is(asked.status, 404);
  t.deepEqual(asked.headers, { 'content-type': 'application/json', 'x-docker-z': 'kept' });
  t.is(await text(asked.output), '{"message":"no"}');
  t.deepEqual(seen, ['POST', '/v1.41/images/load?quiet=1', ['a', 'b'], 'an archive']);
});

test('the container of a task replaces its placeholder, and nothing else names one', async (t) => {
  const paths: (string | undefined)[] = [];
  const { requests } = await engineOf(t, (request, response) => {
    paths.push(request.url);
    response.end();
  });
  const path = '/containers/:container/changes';
  await requests.pass({ ...aRequest, apiMinor: 40, path }, 'c0ffee', new PassThrough(), never);
  t.deepEqual(paths, ['/v1.40/containers/c0ffee/changes']);
  await t.throwsAsync(requests.pass({ ...aRequest, path }, undefined, new PassThrough(), never), {
    message: /not permitted by this node/u,
  });
  await t.throwsAsync(
    requests.pass(
      { ...aRequest, path: '/containers/c0ffee/json' },
      undefined,
      new PassThrough(),
      never,
    ),
    { message: /not permitted by this node/u },
  );
});

test('an upgraded connection carries bytes both ways', async (t) => {
  const { requests, server } = await engineOf(t, () => undefined);
  server.on('upgrade', (_request, socket) => {
    socket.write('HTTP/1.1 101 UPGRADED\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\nhello ');
    socket.pipe(socket);
  });
  const input = new PassThrough();
  const answer = await requests.pass(
    { ...aRequest, method: 'POST', path: '/session', upgrade: 'h2c' },
    undefined,
    input,
    never,
  );
  t.is(answer.status, 101);
  input.end('you');
  t.is(await text(answer.output), 'hello you');
});
