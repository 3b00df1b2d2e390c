import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { AppError, isAppError } from '../../../../manager/common/base/errors.js';
import { silentLogger } from '../../../helpers/fakes/silent-logger.js';
import type { PeerIdentity } from '../../../../manager/common/pki/pki.js';
import { peerIdentity } from '../../../../manager/common/pki/pki.js';
import { dial, parseErrorResponse } from '../../../../manager/common/protocol/transport.js';
import {
  idleConnectionMs,
  ManagerHttpClient,
} from '../../../../manager/common/protocol/transport-call.js';
import type { Connection } from '../../../../manager/common/protocol/transport-connection.js';
import type { StreamRequest } from '../../../../manager/transport/request-router.js';
import type {
  ServeOptions,
  TransportServer,
} from '../../../../manager/transport/transport-server.js';
import { serve } from '../../../../manager/transport/transport-server.js';
import type { TlsMaterial } from '../../../../manager/common/protocol/transport-tls.js';
import type { TestPki } from '../../../helpers/pki/pki.js';
import { createTestPki, isManagerOf } from '../../../helpers/pki/pki.js';

let pki: TestPki;
let manager: TlsMaterial;
let worker: TlsMaterial;

test.before(async () => {
  pki = await createTestPki('c1');
  [manager, worker] = await Promise.all([pki.node('manager', 'm1'), pki.node('worker', 'w1')]);
});

async function startServer(
  t: ExecutionContext,
  stream: ServeOptions<PeerIdentity>['stream'],
  call: ServeOptions<PeerIdentity>['call'] = () => Promise.resolve(null),
): Promise<TransportServer> {
  const server = await serve({
    host: '127.0.0.1',
    port: 0,
    tls: manager,
    log: silentLogger,
    authenticate: peerIdentity,
    call,
    stream,
    health: { path: '/v1/health', answer: () => ({ ok: true }) },
  });
  t.teardown(() => server.close());
  return server;
}

function connect(server: TransportServer, tls: TlsMaterial = worker): Promise<Connection> {
  return dial({
    address: `127.0.0.1:${server.port}`,
    path: '/v1/session',
    tls,
    verifyPeer: isManagerOf('c1'),
    keepAlive: 'stream',
  });
}

async function echo({ accept }: StreamRequest<PeerIdentity>): Promise<void> {
  const connection = await accept('stream');
  for await (const message of connection) await connection.send(message);
}

test('a connection carries text and binary messages both ways in order', async (t) => {
  const connection = await connect(await startServer(t, echo));
  const answers = connection[Symbol.asyncIterator]();
  await connection.send('hello');
  await connection.send(Uint8Array.of(1, 2, 255));
  t.is((await answers.next()).value, 'hello');
  t.deepEqual([...((await answers.next()).value as Uint8Array)], [1, 2, 255]);
  connection.close();
  t.true((await answers.next()).done);
});

test('the server receives the identity of the client', async (t) => {
  const seen: PeerIdentity[] = [];
  const server = await startServer(t, async ({ identity, accept }) => {
    seen.push(identity);
    (await accept('stream')).close();
  });
  await (
    await connect(server)
  ).ended;
  t.deepEqual(seen, [{ clusterId: 'c1', role: 'worker', nodeId: 'w1' }]);
});

test('send applies back-pressure while the peer does not read and loses no message', async (t) => {
  let received = 0;
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const total = 400;
  const server = await startServer(t, async ({ accept }) => {
    const connection = await accept('stream');
    await gate;
    for await (const message of connection) {
      received += message.length;
      if (received === total * 65_536) connection.close();
    }
  });
  const connection = await connect(server);
  let sent = 0;
  const sending = (async () => {
    for (; sent < total; sent += 1) await connection.send(new Uint8Array(65_536));
  })();
  // Back-pressure shows as a stalled sender: no progress during 100 ms.
  let before = -1;
  while (before !== sent || sent === 0) {
    before = sent;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  t.true(sent < total, `${sent} of ${total} messages sent while the peer does not read`);
  open();
  await sending;
  await connection.ended;
  t.is(received, total * 65_536);
});

test('clients with a foreign, an expired or no certificate are rejected with the reason', async (t) => {
  const server = await startServer(t, echo);
  const stranger = await (await createTestPki('c2')).node('worker', 'w9');
  const old = await pki.node('worker', 'w2', -1);
  const refused = async (tls: TlsMaterial): Promise<AppError> => {
    const error: unknown = await t.throwsAsync(connect(server, tls));
    if (!isAppError(error)) throw new Error('not an AppError');
    return error;
  };
  // The stranger trusts this cluster's authority, so only the server can reject the connection.
  const unknown = await refused({ ...stranger, ca: pki.ca });
  t.is(unknown.kind, 'forbidden');
  t.regex(
    unknown.message,
    /certificate of w9 \(worker of c2\) is signed by unknown authority "shoal c2"; it belongs to/,
  );
  const expired = await refused(old);
  t.is(expired.kind, 'forbidden');
  t.regex(expired.message, /certificate of w2 \(worker of c1\) has expired on/);
  const bare = await refused({ ca: pki.ca, cert: '', key: '' });
  t.regex(bare.message, /no client certificate was presented/);
});

test('a client refuses a server that is not a manager of its cluster', async (t) => {
  const server = await startServer(t, echo);
  const error = await t.throwsAsync(
    dial({
      address: `127.0.0.1:${server.port}`,
      path: '/v1/session',
      tls: worker,
      verifyPeer: isManagerOf('c7'),
      keepAlive: 'stream',
    }),
  );
  t.regex(error.message, /m1 is not a manager of c7/);
});

test('an error thrown before accepting reaches the client with its kind', async (t) => {
  const server = await startServer(t, () => {
    throw new AppError('not-found', 'no such stream: x');
  });
  const error: unknown = await t.throwsAsync(connect(server));
  t.true(isAppError(error) && error.kind === 'not-found');
});

test('an abnormal close ends iteration with the reason of the close frame', async (t) => {
  const server = await startServer(t, async ({ accept }) => {
    (await accept('stream')).close(4001, 'node was removed');
  });
  const connection = await connect(server);
  const error = await t.throwsAsync(async () => {
    for await (const _ of connection);
  });
  t.regex(error.message, /was lost: node was removed/);
});

test('a call returns JSON, and an error keeps its kind and message', async (t) => {
  const server = await startServer(t, echo, ({ path, body }) => {
    if (path === '/v1/call/bad') throw new AppError('conflict', 'volume db is in use');
    return Promise.resolve({ path, body });
  });
  const caller = new ManagerHttpClient({
    address: `127.0.0.1:${server.port}`,
    tls: worker,
    verifyPeer: isManagerOf('c1'),
  });
  t.teardown(() => {
    caller.close();
  });
  const good = await caller.call({ path: '/v1/call/x', body: { a: 1 }, timeoutMs: 5_000 });
  t.deepEqual(good, { path: '/v1/call/x', body: { a: 1 } });
  const error: unknown = await t.throwsAsync(
    caller.call({ path: '/v1/call/bad', body: {}, timeoutMs: 5_000 }),
  );
  t.true(isAppError(error) && error.kind === 'conflict');
  t.is((error as Error).message, 'volume db is in use');
});

test('a server keeps idle connections for longer than its clients do', async (t) => {
  const server = await startServer(t, echo);
  const agent = new Agent({ keepAlive: true, rejectUnauthorized: false });
  t.teardown(() => {
    agent.destroy();
  });
  const asked = request({ host: '127.0.0.1', port: server.port, path: '/v1/health', agent }).end();
  const [answer] = (await once(asked, 'response')) as [IncomingMessage];
  answer.resume();
  const shown = String(answer.headers['keep-alive']);
  const seconds = Number(/^timeout=(\d+)$/u.exec(shown)?.[1]);
  t.true(seconds * 1000 >= 2 * idleConnectionMs, `keep-alive: ${shown}`);
});

test('a call without a response before its deadline throws timeout', async (t) => {
  const server = await startServer(t, echo, () => new Promise(() => undefined));
  const caller = new ManagerHttpClient({
    address: `127.0.0.1:${server.port}`,
    tls: worker,
    verifyPeer: isManagerOf('c1'),
  });
  t.teardown(() => {
    caller.close();
  });
  const error: unknown = await t.throwsAsync(
    caller.call({ path: '/v1/call/x', body: {}, timeoutMs: 100 }),
  );
  t.true(isAppError(error) && error.kind === 'timeout');
});

test('listening on a port in use fails with one line that names the address', async (t) => {
  const server = await startServer(t, echo);
  const error = await t.throwsAsync(
    serve({
      host: '127.0.0.1',
      port: server.port,
      tls: manager,
      log: silentLogger,
      authenticate: peerIdentity,
      call: () => Promise.resolve(null),
      stream: echo,
      health: { path: '/', answer: () => ({}) },
    }),
  );
  t.is(error.message, `listen 127.0.0.1:${server.port}: address already in use`);
});

test('dialing a closed port throws unavailable with connection refused', async (t) => {
  const server = await startServer(t, echo);
  const { port } = server;
  await server.close();
  const error: unknown = await t.throwsAsync(
    dial({
      address: `127.0.0.1:${port}`,
      path: '/',
      tls: worker,
      verifyPeer: () => undefined,
      keepAlive: 'session',
    }),
  );
  t.true(isAppError(error) && error.kind === 'unavailable');
  t.regex((error as Error).message, /does not answer: connection refused/);
});

test('a client rejects a foreign or expired server certificate and names its owner', async (t) => {
  const server = await startServer(t, echo);
  const refused = async (): Promise<string> => {
    const error: unknown = await t.throwsAsync(connect(server));
    return (error as Error).message;
  };
  server.renew(await pki.node('manager', 'm9', -1));
  t.regex(
    await refused(),
    /127.0.0.1:\d+ is not trusted: certificate of m9 \(manager of c1\) has expired on .* GMT \(verifier's clock/,
  );
  const foreign = await (await createTestPki('c2')).node('manager', 'm8');
  server.renew(foreign);
  t.regex(await refused(), /certificate of m8 \(manager of c2\) is signed by unknown authority/);
});

for (const [title, body, kind, message] of [
  ['a manager', '{"kind":"not-found","message":"no such task"}', 'not-found', 'no such task'],
  ['a newer manager', '{"kind":"throttled","message":"wait"}', 'internal', 'wait'],
  ['a proxy', '<html>', 'unavailable', 'm1:443 answered with HTTP status 502'],
  ['another program', 'null', 'unavailable', 'm1:443 answered with HTTP status 502'],
  ['a number as detail', '{"kind":"invalid","message":"a","detail":1}', 'unavailable', undefined],
] as const) {
  test(`an error response is decoded: ${title}`, (t) => {
    const error = parseErrorResponse('m1:443', 502, body);
    t.is(error.kind, kind);
    if (message !== undefined) t.is(error.message, message);
  });
}
