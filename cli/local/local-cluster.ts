import { mkdir, readFile, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { AppError, isUnavailable } from '../../manager/common/base/errors.js';
import { newId } from '../../manager/common/base/random.js';
import type { ControlClient } from '../client/client.js';
import { connectTo } from '../client/client.js';
import type { ClusterContext } from '../inventory/context.js';
import { userAuthority } from '../certificates/authority.js';
import { withFileLock } from '../inventory/file-lock.js';
import { MachineStore, writeFileAtomic } from '../inventory/machine-store.js';
import { localCertificates, pairPaths } from './certificates.js';
import { lastWords, purge, runningPid, startDaemon, stopDaemon } from './daemon.js';
import { checkEngine, engineSocket, freePort, primaryAddress } from './host.js';
import type { LocalDaemon, LocalLayout, LocalRecord } from './layout.js';
import { localLayout, localName, logPath } from './layout.js';

const startMs = 30_000;
const pollMs = 100;

export interface LocalStatus {
  readonly record: LocalRecord | undefined;
  readonly managerPid: number | undefined;
  readonly workerPid: number | undefined;
}

async function readRecord(layout: LocalLayout): Promise<LocalRecord | undefined> {
  try {
    return JSON.parse(await readFile(layout.record, 'utf8')) as LocalRecord;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw new AppError('invalid', `${layout.record} is damaged; "shoal local rm" starts afresh`, {
      cause: error,
    });
  }
}

export async function localStatus(home: string): Promise<LocalStatus> {
  const layout = localLayout(home);
  const [record, managerPid, workerPid] = await Promise.all([
    readRecord(layout),
    runningPid(layout, 'manager'),
    runningPid(layout, 'worker'),
  ]);
  return { record, managerPid, workerPid };
}

/** How to reach the local cluster; undefined when there is none, or its manager does not run. */
export async function runningLocal(home: string): Promise<ClusterContext | undefined> {
  const { record, managerPid } = await localStatus(home);
  return record === undefined || managerPid === undefined ? undefined : contextOf(home, record);
}

function contextOf(home: string, record: LocalRecord): ClusterContext {
  const certs = new MachineStore(home).certsFolder;
  return {
    name: localName,
    id: record.id,
    managers: [`https://127.0.0.1:${record.port}`],
    caPath: join(certs, 'ca.pem'),
    certPath: join(certs, 'cert.pem'),
    keyPath: join(certs, 'key.pem'),
  };
}

export interface StartLocal {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** One line about what is being done. */
  readonly say: (line: string) => void;
}

/**
 * Starts manager and worker for this computer's engine, making whatever they need, unless they run.
 * Resolves when the node is ready. Throws `unavailable` when there is no engine or a daemon ends.
 */
export async function startLocal(options: StartLocal): Promise<ClusterContext> {
  const layout = localLayout(options.home);
  const socket = engineSocket(options.env);
  await checkEngine(socket);
  await mkdir(layout.folder, { recursive: true, mode: 0o700 });
  const record = await withFileLock(layout.lock, async () => {
    const { record: there, managerPid, workerPid } = await localStatus(options.home);
    if (there !== undefined && managerPid !== undefined && workerPid !== undefined) return there;
    options.say(`starting a manager and a worker for this computer's engine (${layout.folder})`);
    const made = await prepare(options, layout, {
      socket,
      there,
      keepPort: managerPid !== undefined,
    });
    await startDaemon(layout, 'manager');
    await startDaemon(layout, 'worker');
    return made;
  });
  const context = contextOf(options.home, record);
  await untilReady(options, layout, context);
  return context;
}

interface Before {
  readonly socket: string;
  readonly there: LocalRecord | undefined;
  /** The manager runs: its port is taken by itself. */
  readonly keepPort: boolean;
}

/** Settings and certificates; the record last, so that half-made ones are completed. */
async function prepare(
  options: StartLocal,
  layout: LocalLayout,
  before: Before,
): Promise<LocalRecord> {
  const { there, keepPort } = before;
  const isRoot = process.getuid?.() === 0;
  const record: LocalRecord = {
    id: there?.id ?? newId(),
    nodeId: there?.nodeId ?? newId(),
    port: keepPort && there !== undefined ? there.port : await freePort(there?.port ?? 0),
    // Bridges, VXLAN devices and DNS on port 53 take root; without it the engine's own network does.
    dataPlane: there?.dataPlane ?? (isRoot ? 'overlay' : 'engine'),
  };
  const now = new Date(options.now());
  const authority = await userAuthority(new MachineStore(options.home), now);
  const ids = { clusterId: record.id, nodeId: record.nodeId };
  await localCertificates(layout.pki, authority, ids, now);
  const write = (path: string, value: unknown): Promise<void> =>
    writeFileAtomic(path, `${JSON.stringify(value, undefined, 2)}\n`, 0o600);
  await write(layout.managerSettings, managerSettings(layout, record));
  await write(layout.workerSettings, workerSettings(layout, record, before.socket));
  await write(layout.record, record);
  return record;
}

function managerSettings(layout: LocalLayout, record: LocalRecord): object {
  return {
    clusterId: record.id,
    clusterName: localName,
    nodeId: record.nodeId,
    listen: `127.0.0.1:${record.port}`,
    advertise: `127.0.0.1:${record.port}`,
    dataDir: layout.managerData,
    pki: {
      ca: join(layout.pki, 'ca.pem'),
      ...pairPaths(layout.pki, 'manager'),
      intermediate: pairPaths(layout.pki, 'intermediate'),
    },
    strategy: 'spread',
  };
}

function workerSettings(layout: LocalLayout, record: LocalRecord, socket: string): object {
  return {
    clusterId: record.id,
    nodeId: record.nodeId,
    name: hostname(),
    address: primaryAddress(),
    managers: [`127.0.0.1:${record.port}`],
    dataDir: layout.workerData,
    dockerSocket: socket,
    pki: { ca: join(layout.pki, 'ca.pem'), ...pairPaths(layout.pki, 'worker') },
    labels: {},
    dataPlane: record.dataPlane,
  };
}

/** Waits until the manager answers and the worker has joined. */
async function untilReady(
  options: StartLocal,
  layout: LocalLayout,
  context: ClusterContext,
): Promise<void> {
  const client = await connectTo(context);
  try {
    const deadline = options.now() + startMs;
    for (;;) {
      if (options.signal.aborted) throw new AppError('cancelled', 'interrupted');
      if (await isReady(client, options.signal)) return;
      await failIfEnded(layout);
      if (options.now() > deadline) {
        throw new AppError(
          'timeout',
          `the local cluster is not ready after ${startMs / 1000} s: see ${layout.folder}/*.log`,
        );
      }
      await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } finally {
    client.close();
  }
}

async function isReady(client: ControlClient, signal: AbortSignal): Promise<boolean> {
  try {
    const nodes = await client.call('node.list', {}, { signal, timeoutMs: 5_000 });
    return nodes.some((node) => node.status.state === 'ready');
  } catch (error) {
    if (isUnavailable(error)) return false;
    throw error;
  }
}

async function failIfEnded(layout: LocalLayout): Promise<void> {
  for (const daemon of ['manager', 'worker'] as const) {
    if ((await runningPid(layout, daemon)) !== undefined) continue;
    throw new AppError(
      'unavailable',
      `the local ${daemon} has ended: ${await lastWords(layout, daemon)} (see ${logPath(layout, daemon)})`,
    );
  }
}

/** Ends the daemons; containers go on. Returns which of them ran. */
export async function stopLocal(home: string): Promise<readonly LocalDaemon[]> {
  const layout = localLayout(home);
  const stopped: LocalDaemon[] = [];
  for (const daemon of ['worker', 'manager'] as const) {
    if (await stopDaemon(layout, daemon)) stopped.push(daemon);
  }
  return stopped;
}

/** Ends the daemons and removes containers, networks and everything the cluster kept. */
export async function removeLocal(home: string): Promise<void> {
  const layout = localLayout(home);
  const { record } = await localStatus(home);
  await stopLocal(home);
  if (record !== undefined) await purge(layout, 'worker');
  await rm(layout.folder, { recursive: true, force: true });
}
