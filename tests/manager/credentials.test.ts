import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { connect } from 'node:tls';
import type { ExecutionContext } from 'ava';
import test from 'ava';
import { systemClock } from '../../manager/base/clock.js';
import { silentLogger } from '../../manager/base/log.js';
import { MemoryBackend } from '../../manager/store/memory-backend.js';
import { describeNode } from '../../worker/facts.js';
import { Connector } from '../../worker/session/connect.js';
import { Credentials } from '../../worker/session/credentials.js';
import { Reporter } from '../../worker/session/reporter.js';
import type { TestPki } from '../helpers/pki.js';
import { temporaryFolder, writeManager, writeNode } from '../helpers/pki-folder.js';
import { createManagerPki, TestManager } from '../helpers/test-manager.js';
import { until } from '../helpers/until.js';

let pki: TestPki;

test.before(async () => {
  pki = await createManagerPki();
});

/** A manager whose certificates last for `lifetimeMs`. */
async function managerWith(
  t: ExecutionContext,
  options: { readonly lifetimeMs: number },
): Promise<{ readonly manager: TestManager; readonly firstSerial: string }> {
  const backend = new MemoryBackend();
  const { lifetimeMs: certificateLifetimeMs } = options;
  const meta = { version: 1, createdAt: 1, updatedAt: 1 };
  const value = {
    id: 'cluster',
    clusterId: 'c1',
    name: 'test',
    revoked: [],
    certificateLifetimeMs,
    ...meta,
  };
  await backend.commit([{ table: 'cluster', id: 'cluster', value }]);
  const pkiPaths = await writeManager(await temporaryFolder(t), pki, 60_000);
  const firstSerial = new X509Certificate(await readFile(pkiPaths.cert)).serialNumber;
  return { manager: await TestManager.start(t, { pki, backend, pkiPaths }), firstSerial };
}

interface RealWorker {
  readonly certPath: string;
  readonly sessions: () => number;
  readonly serial: () => Promise<string>;
}

/** A worker's own connection and certificates, without an engine. */
async function realWorker(t: ExecutionContext, port: number): Promise<RealWorker> {
  const folder = await temporaryFolder(t);
  const paths = await writeNode(folder, pki, { role: 'worker', nodeId: 'w1', aliveMs: 60_000 });
  let sessions = 0;
  const credentials = await Credentials.read({
    clusterId: 'c1',
    dataDir: folder,
    pki: paths,
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
  });
  const connector = new Connector({
    clusterId: 'c1',
    nodeId: 'w1',
    name: 'node-1',
    managers: [`127.0.0.1:${port}`],
    clock: systemClock,
    log: silentLogger,
    random: () => 0,
    reporter: new Reporter(systemClock),
    dial: (...args) => {
      sessions += 1;
      return credentials.dial(...args);
    },
    describe: () => Promise.resolve(describeNode('127.0.0.1', {}, '0', undefined)),
    reports: () => [],
    volumes: () => Promise.resolve([]),
    networks: () => [],
    onAssignments: () => Promise.resolve(),
    onChange: () => Promise.resolve(),
    call: () => Promise.resolve(null),
    serveStream: () => Promise.resolve(),
    renewCertificate: () => {
      credentials.renewNow();
    },
    refuseAuthorities: (ids) => {
      credentials.refuse(ids);
    },
  });
  connector.start();
  credentials.start({
    sign: (request, signal) => connector.signCertificate(request, signal),
    reconnect: () => {
      connector.reconnect();
    },
  });
  t.teardown(async () => {
    await credentials.stop();
    await connector.stop();
  });
  return {
    certPath: paths.cert,
    sessions: () => sessions,
    serial: async () => new X509Certificate(await readFile(paths.cert, 'utf8')).serialNumber,
  };
}

/** Serial number of the certificate a server shows now. */
async function shownSerial(port: number): Promise<string> {
  const { ca, cert, key } = await pki.client('ada');
  return new Promise((resolve, reject) => {
    const socket = connect(
      { host: '127.0.0.1', port, ca, cert, key, checkServerIdentity: () => undefined },
      () => {
        resolve(socket.getPeerCertificate().serialNumber);
        socket.destroy();
      },
    );
    socket.once('error', reject);
  });
}

test('a worker renews its certificate through its session, again and again, without losing it', async (t) => {
  const { manager } = await managerWith(t, { lifetimeMs: 15_000 });
  const worker = await realWorker(t, manager.port);
  const serials = new Set<string>();
  await until('two renewals', 30_000, async () => serials.add(await worker.serial()).size >= 3);
  t.is(worker.sessions(), 1);
  const leaf = new X509Certificate(await readFile(worker.certPath, 'utf8'));
  t.regex(leaf.subject, /CN=w1\nOU=worker\nO=c1/);
  t.regex(leaf.subjectAltName ?? '', /DNS:localhost/);
  const nodes = await manager.call('node.list', {});
  t.deepEqual(
    nodes.map(({ status }) => status.state),
    ['ready'],
  );
});

test('a manager renews its own certificate and shows it to who connects next', async (t) => {
  const { manager, firstSerial } = await managerWith(t, { lifetimeMs: 86_400_000 });
  await until('a new one', 30_000, async () => (await shownSerial(manager.port)) !== firstSerial);
  t.deepEqual(await manager.call('node.list', {}), []);
});
