import test from 'ava';
import { AppError } from '../../../manager/common/base/errors.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import type { ManagerInfo } from '../../../manager/common/protocol/control.js';
import { notLeaderError } from '../../../manager/common/protocol/messages.js';
import { peerIdentity } from '../../../manager/common/pki/pki.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';
import type { TransportServer } from '../../../manager/transport/transport-server.js';
import { serve } from '../../../manager/transport/transport-server.js';
import { HttpsControlClient } from '../../../cli/client/client.js';
import { streamWatch } from '../../../cli/client/stream.js';
import type { TestPki } from '../../helpers/pki/pki.js';
import { createTestPki } from '../../helpers/pki/pki.js';

interface World {
  readonly pki: TestPki;
  readonly manager: TlsMaterial;
  readonly client: TlsMaterial;
}

let world: World;

test.before(async () => {
  const pki = await createTestPki('c1');
  const [manager, client] = await Promise.all([pki.node('manager', 'm1'), pki.client('user')]);
  world = { pki, manager, client };
});

const facts: ManagerInfo = {
  ...{ clusterId: 'c1', clusterName: 'test', version: '1.0.0', nodeId: 'm1' },
  ...{ leader: true, store: 'embedded', nodes: 1, services: 0, tasks: 0 },
};

/** Starts a manager that answers `info`, sends a malformed `volume.list` and fails other calls. */
async function listen(tls: TlsMaterial, refuse?: AppError): Promise<TransportServer> {
  return serve({
    host: '127.0.0.1',
    port: 0,
    tls,
    log: silentLogger,
    authenticate: peerIdentity,
    call: ({ path }) => {
      if (refuse !== undefined) return Promise.reject(refuse);
      if (path === '/v1/call/info') return Promise.resolve(facts);
      if (path === '/v1/call/volume.list') return Promise.resolve([{ id: 'v1' }]);
      return Promise.reject(new AppError('not-found', `no such thing at ${path}`));
    },
    stream: async ({ accept }) => {
      const stream = await accept('stream');
      for await (const message of stream) {
        await stream.send(JSON.stringify({ kind: 'remove', table: 'tasks', id: String(message) }));
        await stream.send(JSON.stringify({ error: { kind: 'conflict', message: 'told so' } }));
      }
    },
    health: { path: '/v1/health', answer: () => ({}) },
  });
}

function clientOf(ports: readonly number[], tls: TlsMaterial, id = 'c1'): HttpsControlClient {
  const managers = ports.map((port) => `https://127.0.0.1:${port}`);
  return new HttpsControlClient({ name: 'test', id, managers }, tls);
}

/** Returns a port without a listener: the port of a server that was closed. */
async function closedPort(): Promise<number> {
  const server = await listen(world.manager);
  await server.close();
  return server.port;
}

test('a call returns the manager’s result or throws its error', async (t) => {
  const server = await listen(world.manager);
  t.teardown(() => server.close());
  const client = clientOf([server.port], world.client);
  t.teardown(() => {
    client.close();
  });
  t.deepEqual(await client.call('info', {}), facts);
  await t.throwsAsync(client.call('node.list', {}), {
    message: 'no such thing at /v1/call/node.list',
  });
});

test('a malformed answer is an error that names call and field', async (t) => {
  const server = await listen(world.manager);
  t.teardown(() => server.close());
  const client = clientOf([server.port], world.client);
  t.teardown(() => {
    client.close();
  });
  const error = await t.throwsAsync(client.call('volume.list', {}), { instanceOf: AppError });
  t.is(error.kind, 'internal');
  t.is(
    error.message,
    'manager: answer to volume.list: [0].version must be a non-negative integer; check that client and manager have the same version',
  );
});

test('the client fails over to the next manager if one is unreachable', async (t) => {
  const server = await listen(world.manager);
  t.teardown(() => server.close());
  const client = clientOf([await closedPort(), server.port], world.client);
  t.teardown(() => {
    client.close();
  });
  t.deepEqual(await client.call('info', {}), facts);
});

test('the client fails over if a manager has no leader', async (t) => {
  const cutOff = await listen(world.manager, notLeaderError('no leading manager: none is elected'));
  const server = await listen(world.manager);
  const client = clientOf([cutOff.port, server.port], world.client);
  const leaderless = clientOf([cutOff.port, cutOff.port], world.client);
  t.teardown(async () => {
    client.close();
    leaderless.close();
    await Promise.all([cutOff.close(), server.close()]);
  });
  t.deepEqual(await client.call('info', {}), facts);
  await t.throwsAsync(leaderless.call('info', {}), {
    message: 'no leading manager: none is elected',
  });
});

test('the error names cluster and addresses if no manager is reachable', async (t) => {
  const port = await closedPort();
  const client = clientOf([port], world.client);
  const error = await t.throwsAsync(client.call('info', {}));
  t.regex(
    error.message,
    new RegExp(`^manager of cluster test not reachable: 127\\.0\\.0\\.1:${port} .*refused`, 'u'),
  );
  await t.throwsAsync(client.open('watch', {}, AbortSignal.timeout(5_000)), {
    message: /not reachable/u,
  });
});

test('the client rejects a worker’s certificate', async (t) => {
  const server = await listen(await world.pki.node('worker', 'w1'));
  t.teardown(() => server.close());
  const client = clientOf([server.port], world.client);
  await t.throwsAsync(client.call('info', {}), {
    message:
      /is not trusted: certificate of w1 \(worker of c1\) is not for this end of a connection/u,
  });
});

test('the client rejects a manager of another cluster', async (t) => {
  const server = await listen(world.manager);
  t.teardown(() => server.close());
  const client = clientOf([server.port], world.client, 'other');
  await t.throwsAsync(client.call('info', {}), { message: /manager of cluster c1, not/u });
  await t.throwsAsync(client.open('watch', {}, AbortSignal.timeout(5_000)), {
    message: /manager of cluster c1, not/u,
  });
});

test('the client rejects a manager signed by an unknown authority', async (t) => {
  const stranger = await createTestPki('c1');
  const server = await listen(await stranger.node('manager', 'm1'));
  t.teardown(() => server.close());
  const client = clientOf([server.port], world.client);
  await t.throwsAsync(client.call('info', {}), { message: /is not trusted/u });
});

test('a stream carries its arguments, its messages and the terminating error', async (t) => {
  const server = await listen(world.manager);
  t.teardown(() => server.close());
  const client = clientOf([server.port], world.client);
  const messages: unknown[] = [];
  const read = async (): Promise<void> => {
    const signal = AbortSignal.timeout(5_000);
    for await (const message of streamWatch(client, { project: 'p' }, signal))
      messages.push(message);
  };
  await t.throwsAsync(read(), { message: 'told so' });
  t.deepEqual(messages, [{ kind: 'remove', table: 'tasks', id: '{"project":"p"}' }]);
});
