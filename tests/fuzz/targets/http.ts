import { once } from 'node:events';
import { setImmediate as nextTurn, setTimeout as delay } from 'node:timers/promises';
import { connect, type TLSSocket } from 'node:tls';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { newId } from '../../../manager/common/base/random.js';
import { encodeStreamFrame } from '../../../manager/common/protocol/frames.js';
import type { TlsMaterial } from '../../../manager/common/protocol/transport-tls.js';
import { ManagerHttpClient } from '../../../manager/common/protocol/transport-call.js';
import { Manager } from '../../../manager/manager.js';
import { FakeWorker } from '../../helpers/fakes/fake-worker.js';
import { silentLogger } from '../../helpers/fakes/silent-logger.js';
import { anApply } from '../../helpers/managers/project-apply.js';
import { createTestPki, isManagerOf } from '../../helpers/pki/pki.js';
import { MemoryBackend } from '../../helpers/stores/memory-backend.js';
import { mutateJson } from '../mutate-json.js';
import { below, mutate, pick, randomBytes } from '../mutate.js';
import type { Campaign, FuzzTarget } from '../target.js';

const clusterId = 'c1';
const maxConnections = 12;
/** Longest handshake, and longest life of a hostile connection after it, ms. */
const handshakeMs = 20_000;
const connectionMs = 1_000;

/** The HTTP server of a whole manager: the Docker Engine API and the calls of `shoal`. */
export const target: FuzzTarget = {
  async run(campaign) {
    const pki = await createTestPki(clusterId);
    const client = await pki.client('ada');
    const worker = await pki.node('worker', 'w1');
    const manager = await startManager(await pki.node('manager', 'm1'));
    const { port } = manager;
    const node = await FakeWorker.join({ port, clusterId, nodeId: 'w1', tls: worker });
    node.answer = (call) => (campaign.random() < 0.5 ? null : mutateJson(campaign.random, call));
    node.serve = async (_request, stream) => {
      const frame = Buffer.from(encodeStreamFrame('stdout', randomBytes(campaign.random, 200)));
      const frames = [campaign.random() < 0.5 ? frame : mutate(campaign.random, frame)];
      if (campaign.random() < 0.5) frames.push(Buffer.from(encodeStreamFrame('exit', '0')));
      // The client may have left.
      for (const each of frames) await stream.send(each).catch(() => undefined);
      stream.close();
    };
    await deploy(port, client);
    const identities = [client, client, client, client, client, client, worker, undefined] as const;
    let open = 0;
    while (!campaign.isOver()) {
      if (open < maxConnections) {
        open += 1;
        void attack(port, pick(campaign.random, identities), campaign).finally(() => {
          open -= 1;
        });
      }
      await (open < maxConnections ? nextTurn() : delay(2));
    }
    node.leave();
    await manager.stop();
  },
};

async function startManager(tls: TlsMaterial): Promise<Manager> {
  const manager = new Manager({
    settings: {
      ...{ clusterId, clusterName: 'test', nodeId: 'm1', advertise: '127.0.0.1:7070' },
      listen: { host: '127.0.0.1', port: 0 },
      ...{ dataDir: '/nonexistent', pki: { ca: '', cert: '', key: '' } },
      ...{ strategy: 'spread', logLevel: 'error' },
    },
    ...{ tls, version: '0.0.0', clock: systemClock, log: silentLogger, newId },
    openBackend: () => Promise.resolve(new MemoryBackend()),
    probe: () => Promise.resolve(true),
  });
  await manager.start();
  return manager;
}

/** Two containers, so that requests about `demo-web-1` find one. */
async function deploy(port: number, tls: TlsMaterial): Promise<void> {
  const address = `127.0.0.1:${String(port)}`;
  const caller = new ManagerHttpClient({ address, tls, verifyPeer: isManagerOf(clusterId) });
  const body = anApply({ services: [aServiceSpec('web', { replicas: 2 })] });
  await caller.call({ path: '/v1/call/project.apply', body, timeoutMs: 30_000 });
  caller.close();
}

const methods = ['GET', 'POST', 'HEAD', 'DELETE', 'PUT', 'OPTIONS', 'get', 'X'.repeat(40)] as const;
const paths = [
  ...['/_ping', '/version', '/info', '/containers/json', '/containers/demo-web-1/json'],
  ...['/containers/create?name=x', '/containers/demo-web-1/logs?stdout=1', '/system/df'],
  ...['/containers/demo-web-1/exec', '/containers/demo-web-1/attach?stream=1', '/exec/x/start'],
  ...['/containers/demo-web-1/archive?path=/', '/containers/demo-web-1/stats?stream=0'],
  ...['/images/json', '/images/create?fromImage=app&tag=1', '/images/app:1/json', '/build?t=app:1'],
  ...['/images/load', '/networks', '/networks/create', '/volumes', '/volumes/create', '/events'],
  ...['/containers/prune', '/auth', '/session', '/grpc', '/v1/call/project.apply', '/metrics'],
  ...['/v1/call/task.list', '/v1/session', '/v1/stream/watch', '/v1/health', '/v1/join'],
] as const;
const filters = [
  '{"label":["a=b"]}',
  '{"label":5}',
  '[[[',
  '{"name":["(a+)+$"]}',
  '{"since":["-1"]}',
  '%zz',
] as const;
const bodies: readonly [object, ...object[]] = [
  { Image: 'app:1', Cmd: ['sh'], HostConfig: { PortBindings: { '80/tcp': [{ HostPort: '80' }] } } },
  { Cmd: ['sh'], AttachStdout: true, Tty: true },
  { Name: 'x', Driver: 'overlay', IPAM: { Config: [{ Subnet: '10.1.0.0/24' }] } },
  anApply({ services: [aServiceSpec('web')] }),
];

function targetOf(random: () => number): string {
  const version =
    random() < 0.5 ? pick(random, ['/v1.41', '/v1.45', '/v0', '/v99.99'] as const) : '';
  const path = pick(random, paths);
  const query = `${path.includes('?') ? '&' : '?'}filters=${pick(random, filters)}`;
  return `${version}${path}${random() < 0.3 ? query : ''}`;
}

function anyHeaders(random: () => number): string[] {
  return [
    'Host: manager',
    'Content-Type: application/json',
    ...(random() < 0.2 ? ['Connection: Upgrade', 'Upgrade: tcp'] : []),
    ...(random() < 0.1 ? ['Upgrade: websocket', 'Connection: Upgrade'] : []),
    ...(random() < 0.1 ? ['Sec-WebSocket-Version: 13', 'Sec-WebSocket-Key: AAAA'] : []),
    ...(random() < 0.1 ? [`X-Registry-Auth: ${randomBytes(random, 9).toString('hex')}`] : []),
    ...(random() < 0.1 ? ['X-Shoal-Behalf: {"role":"user"}'] : []),
    ...(random() < 0.05 ? ['Expect: 100-continue'] : []),
  ];
}

/** A request with a body, framed by its length or in chunks, or framed wrongly. */
function request(random: () => number): Buffer {
  const body = Buffer.from(JSON.stringify(mutateJson(random, pick(random, bodies))));
  const hasBody = random() < 0.6;
  const headers = anyHeaders(random);
  const isChunked = hasBody && random() < 0.3;
  if (isChunked) headers.push('Transfer-Encoding: chunked');
  if (hasBody && (!isChunked || random() < 0.1)) {
    const length = random() < 0.9 ? body.length : below(random, 100_000);
    headers.push(`Content-Length: ${String(length)}`);
  }
  const head = `${pick(random, methods)} ${targetOf(random)} HTTP/1.1\r\n${headers.join('\r\n')}\r\n\r\n`;
  if (!hasBody) return Buffer.from(head);
  if (!isChunked) return Buffer.concat([Buffer.from(head), body]);
  const size =
    random() < 0.9 ? body.length.toString(16) : pick(random, ['-1', 'ffffffff', 'g'] as const);
  return Buffer.concat([Buffer.from(`${head}${size}\r\n`), body, Buffer.from('\r\n0\r\n\r\n')]);
}

function anyInput(random: () => number): Buffer {
  const kind = random();
  if (kind < 0.5) return request(random);
  if (kind < 0.95) return mutate(random, request(random));
  return randomBytes(random, below(random, 400));
}

/** One connection that pipelines requests and may not read, stop in a request or vanish. */
async function attack(
  port: number,
  identity: TlsMaterial | undefined,
  { random, record, answered, isOver }: Campaign,
): Promise<void> {
  const keys = identity === undefined ? {} : { cert: identity.cert, key: identity.key };
  const socket = connect({ host: '127.0.0.1', port, rejectUnauthorized: false, ...keys });
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      resolve();
    });
  });
  socket.on('error', () => undefined);
  const late = setTimeout(() => socket.destroy(), handshakeMs);
  await Promise.race([once(socket, 'secureConnect').catch(() => undefined), closed]);
  clearTimeout(late);
  const end = setTimeout(() => socket.destroy(), connectionMs);
  if (random() < 0.8) {
    socket.on('data', (chunk: Buffer) => {
      if (chunk.includes('HTTP/1.1')) answered();
    });
  } else socket.pause();
  for (let left = 1 + below(random, 60); left > 0 && !socket.destroyed && !isOver(); left -= 1) {
    const input = anyInput(random);
    record(input);
    send(random, socket, input);
    await nextTurn();
  }
  if (random() < 0.3) socket.destroy();
  else socket.end();
  await closed;
  clearTimeout(end);
}

/** Writes the input whole, in two parts, or only its beginning. */
function send(random: () => number, socket: TLSSocket, input: Buffer): void {
  const cut = random() < 0.2 ? below(random, input.length + 1) : input.length;
  socket.write(input.subarray(0, cut));
  if (cut < input.length && random() < 0.7) socket.write(input.subarray(cut));
}
