import { once } from 'node:events';
import { connect as connectHttp2 } from 'node:http2';
import type { ClientHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import type { BuildSessionData } from '../../../../../worker/executor/docker/images/build-session.js';
import {
  firstField,
  openBuildSession,
  textFields,
} from '../../../../../worker/executor/docker/images/build-session.js';
import type { EngineClient } from '../../../../../worker/executor/docker/client.js';

/** The builder's side of a session that serves this data. */
async function builder(t: ExecutionContext, data: BuildSessionData): Promise<ClientHttp2Session> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const mine = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [theirs] = await accepted;
  const engine = { upgrade: () => Promise.resolve(theirs) } as unknown as EngineClient;
  const session = await openBuildSession(engine, data, new AbortController().signal);
  const client = connectHttp2('http://session', { createConnection: () => mine });
  t.teardown(() => {
    session.close();
    client.destroy();
    server.close();
  });
  return client;
}

/** Sends one gRPC call; returns its status and message bytes. */
async function call(client: ClientHttp2Session, path: string, message: Uint8Array) {
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  const request = client.request({ ':path': path, ':method': 'POST' });
  let status: unknown;
  for (const event of ['response', 'trailers']) {
    request.on(event, (headers: Record<string, unknown>) => {
      status = headers['grpc-status'] ?? status;
    });
  }
  request.end(Buffer.concat([head, message]));
  const body = await buffer(request);
  return { status, message: body.subarray(5) };
}

test('a builder receives its secrets and the credentials for its registry', async (t) => {
  const long = 'x'.repeat(300);
  const client = await builder(t, {
    secrets: { token: Buffer.from(long).toString('base64') },
    auths: {
      'https://index.docker.io/v1/': { username: 'ann', password: 'p' },
      'reg.example:5000': { identitytoken: 'id' },
    },
  });
  const secret = '/moby.buildkit.secrets.v1.Secrets/GetSecret';
  const found = await call(client, secret, textFields(['token']));
  t.is(found.status, '0');
  t.is(firstField(Buffer.from(found.message)).toString(), long);
  t.is((await call(client, secret, textFields(['other']))).status, '5');
  const auth = '/moby.filesync.v1.Auth/Credentials';
  const hub = await call(client, auth, textFields(['registry-1.docker.io']));
  t.deepEqual(Buffer.from(hub.message), textFields(['ann', 'p']));
  const own = await call(client, auth, textFields(['reg.example:5000']));
  t.deepEqual(Buffer.from(own.message), textFields(['<token>', 'id']));
  const none = await call(client, auth, textFields(['other.example']));
  t.deepEqual([none.status, none.message.length], ['0', 0]);
});

test('a session answers health checks and rejects unknown methods', async (t) => {
  const client = await builder(t, { secrets: {}, auths: {} });
  const health = await call(client, '/grpc.health.v1.Health/Check', new Uint8Array());
  t.deepEqual([health.status, [...health.message]], ['0', [8, 1]]);
  t.is((await call(client, '/moby.sshforward.v1.SSH/CheckAgent', new Uint8Array())).status, '12');
});
