import { X509Certificate } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { ExecutionContext } from 'ava';
import { systemClock } from '../../../manager/common/base/clock.js';
import { silentLogger } from '../fakes/silent-logger.js';
import { toNodeDescription } from '../../../worker/node-description.js';
import { Connector } from '../../../worker/session/connector.js';
import { WorkerCredentials } from '../../../worker/session/credentials.js';
import { Reporter } from '../../../worker/session/reporter.js';
import type { TestPki } from '../pki/pki.js';
import type { PkiPaths } from '../pki/pki-folder.js';
import { temporaryFolder, writeNode } from '../pki/pki-folder.js';

/** A worker's real connection and certificates, without an engine. */
export interface RealWorker {
  readonly credentials: WorkerCredentials;
  readonly paths: PkiPaths;
  readonly sessions: () => number;
  readonly serial: () => Promise<string>;
}

/** Connects as node `w1` of cluster `c1`, with a certificate due for renewal. */
export async function realWorker(
  t: ExecutionContext,
  pki: TestPki,
  port: number,
): Promise<RealWorker> {
  const folder = await temporaryFolder(t);
  const paths = await writeNode(folder, pki, { role: 'worker', nodeId: 'w1', aliveMs: 60_000 });
  let sessions = 0;
  const credentials = await WorkerCredentials.read({
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
    // The manager advertises an address that is not reachable in a test.
    dial: (_address, ...rest) => {
      sessions += 1;
      return credentials.dial(`127.0.0.1:${port}`, ...rest);
    },
    engine: () => 'answering',
    describe: () => Promise.resolve(toNodeDescription('127.0.0.1', {}, '0', undefined)),
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
    credentials,
    paths,
    sessions: () => sessions,
    serial: async () => new X509Certificate(await readFile(paths.cert, 'utf8')).serialNumber,
  };
}
