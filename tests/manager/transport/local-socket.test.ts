import { once } from 'node:events';
import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Logger } from '../../../manager/common/base/log.js';
import { serveLocalSocket } from '../../../manager/transport/local-socket.js';
import type { RawHttpHandler } from '../../../manager/transport/transport-raw-http.js';
import { recordingLogger } from '../../helpers/fakes/recording-logger.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';

const web: RawHttpHandler<string> = {
  matches: (path) => !path.startsWith('/shoal/'),
  answer: async ({ identity, request, response, body }) => {
    if (request.url === '/broken') throw new AppError('conflict', 'no');
    if (request.url === '/forbidden') throw new AppError('forbidden', 'not yours');
    if (request.url === '/crash') throw new Error('boom');
    response.end(`${identity} ${String(request.url)} ${(await body()).toString()}`);
  },
  upgrade: ({ socket, hijacked }) => {
    hijacked();
    socket.write('HTTP/1.1 101 UPGRADED\r\n\r\n');
    socket.pipe(socket);
    return Promise.resolve();
  },
};

async function aSocket(
  t: ExecutionContext,
  options: { readonly log?: Logger; readonly maxConnections?: number } = {},
): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'shoal-socket-'));
  const path = join(folder, 'docker.sock');
  // The file of a process that was killed.
  await writeFile(path, '');
  const socket = await serveLocalSocket({
    ...{ path, log: silentLogger, identity: 'local', web },
    ...options,
  });
  t.teardown(async () => {
    await socket.close();
    await rm(folder, { recursive: true });
  });
  return path;
}

function ask(socketPath: string, path: string): Promise<readonly [number, string]> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ socketPath, path, method: 'POST' }, (response) => {
      text(response).then((body) => {
        resolve([response.statusCode ?? 0, body]);
      }, reject);
    });
    request.once('error', reject);
    request.end('{}');
  });
}

test('owner and group reach the Docker API, others do not', async (t) => {
  const path = await aSocket(t);
  t.is((await stat(path)).mode & 0o777, 0o660);
  t.deepEqual(await ask(path, '/v1.41/info'), [200, 'local /v1.41/info {}']);
});

test("errors have their status, and the cluster's own API is not served", async (t) => {
  const path = await aSocket(t);
  const [status, body] = await ask(path, '/broken');
  t.is(status, 409);
  t.like(JSON.parse(body), { message: 'no' });
  t.is((await ask(path, '/shoal/call/node.list'))[0], 404);
});

test('an upgraded connection passes bytes in both directions', async (t) => {
  const path = await aSocket(t);
  const client = connect(path);
  t.teardown(() => client.destroy());
  client.write(
    'POST /exec HTTP/1.1\r\nhost: x\r\nconnection: Upgrade\r\nupgrade: tcp\r\n\r\nhello',
  );
  client.end();
  t.regex(await text(client), /^HTTP\/1\.1 101 UPGRADED\r\n\r\nhello$/u);
});

test('a connection above the limit is closed, with a warning', async (t) => {
  const { log, lines } = recordingLogger();
  const path = await aSocket(t, { log, maxConnections: 1 });
  const first = connect(path);
  t.teardown(() => first.destroy());
  await once(first, 'connect');
  const second = connect(path);
  t.teardown(() => second.destroy());
  await once(second, 'close');
  t.true(lines.some((line) => line.includes('too many connections in total')));
  t.false(first.destroyed);
});

test('refusals and internal errors are logged', async (t) => {
  const { log, lines } = recordingLogger();
  const path = await aSocket(t, { log });
  t.is((await ask(path, '/forbidden'))[0], 403);
  t.is((await ask(path, '/crash'))[0], 500);
  t.true(lines.some((line) => line.includes('refused: not yours')));
  t.true(lines.some((line) => line.includes('/crash: boom')));
});

test('a folder that does not exist is named', async (t) => {
  const path = join(tmpdir(), 'shoal-none', 'docker.sock');
  await t.throwsAsync(serveLocalSocket({ path, log: silentLogger, identity: 'local', web }), {
    message: /^socket .*shoal-none\/docker\.sock: /u,
  });
});
