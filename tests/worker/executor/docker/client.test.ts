import test from 'ava';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EngineClient, translateError } from '../../../../worker/executor/docker/client.js';

test('dockerode errors become one-line AppErrors with a kind', (t) => {
  const answered = (statusCode: number, message: string): object =>
    Object.assign(new Error(`(HTTP code ${String(statusCode)}) x - ${message}`), {
      statusCode,
      json: { message },
    });
  const kind = (error: unknown): string => {
    const { kind: found, message } = translateError(error, 'start container c');
    return `${found}: ${message}`;
  };
  t.is(
    kind(answered(404, 'No such container: c')),
    'not-found: start container c: No such container: c',
  );
  t.is(kind(answered(409, 'in use.')), 'conflict: start container c: in use');
  t.is(kind(answered(500, 'first\nsecond')), 'internal: start container c: first');
  t.is(
    kind(Object.assign(new Error('connect'), { code: 'ECONNREFUSED' })),
    'unavailable: start container c: cannot connect to the Docker engine (ECONNREFUSED); check that it is running',
  );
  t.regex(kind(new DOMException('', 'TimeoutError')), /^timeout: /);
  t.regex(kind(new DOMException('', 'AbortError')), /^cancelled: /);
});

test('a name that the engine would redirect is refused, also by its path', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-client-'));
  const socket = join(folder, 'engine.sock');
  const paths: string[] = [];
  const server = createServer((request, response) => {
    paths.push(request.url ?? '');
    response.writeHead(301, { location: '/images/Bad/Image/json' }).end();
  }).listen(socket);
  await once(server, 'listening');
  t.teardown(async () => {
    server.close();
    await rm(folder, { recursive: true });
  });
  const client = new EngineClient(socket);
  const { signal } = new AbortController();
  for (const name of ['Bad//Image', '../volumes', 'a/./b']) {
    const inspected = client.call(
      'inspect',
      (docker, abortSignal) => docker.getImage(name).inspect({ abortSignal } as object),
      signal,
    );
    await t.throwsAsync(inspected, { message: /invalid reference format/u });
  }
  t.deepEqual(paths, []);
});
