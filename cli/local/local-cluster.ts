import { mkdir, rm } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import type { Decoder } from '../../manager/common/base/decode.js';
import {
  count,
  decodeJson,
  nonEmptyString,
  object,
  oneOf,
} from '../../manager/common/base/decode.js';
import { AppError, isUnavailable, messageOf } from '../../manager/common/base/errors.js';
import { readFileIfExists } from '../../manager/common/base/files.js';
import { newId } from '../../manager/common/base/random.js';
import type { NodeId } from '../../manager/common/model/ids.js';
import { encodeManagerSettings } from '../../manager/common/settings/manager-settings.js';
import { encodeWorkerSettings } from '../../manager/common/settings/worker-settings.js';
import type { ControlClient } from '../client/client.js';
import { connectTo } from '../client/client.js';
import type { ClusterContext } from '../inventory/context.js';
import { loadUserAuthority } from '../certificates/authority.js';
import { withFileLock } from '../inventory/file-lock.js';
import { MachineStore, writeFileAtomic } from '../inventory/machine-store.js';
import { localCertificates, keyPairPaths } from './certificates.js';
import { lastLogMessage, purgeDaemon, runningPid, startDaemon, stopDaemon } from './daemon.js';
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

const recordDecoder: Decoder<LocalRecord> = object({
  id: nonEmptyString,
  nodeId: nonEmptyString,
  port: count,
  dataPlane: oneOf('overlay', 'engine'),
});

async function readRecord(layout: LocalLayout): Promise<LocalRecord | undefined> {
  const content = await readFileIfExists(layout.record);
  if (content === undefined) return undefined;
  try {
    return decodeJson(content, recordDecoder, `local cluster record ${layout.record}`);
  } catch (error) {
    throw new AppError(
      'invalid',
      `${messageOf(error)}; remove the local cluster with "shoal local rm"`,
      { cause: error },
    );
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

/**
 * Returns the context of the local cluster; undefined if it does not exist or its manager is
 * stopped.
 */
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

export interface StartLocalOptions {
  readonly home: string;
  readonly env: NodeJS.ProcessEnv;
  readonly now: () => number;
  readonly signal: AbortSignal;
  /** Prints one line of progress. */
  readonly report: (line: string) => void;
}

/**
 * Starts a manager and a worker for this computer's engine unless they are running; creates
 * settings and certificates first. Resolves when the node is ready. Throws `unavailable` without an
 * engine or if a daemon exits, `timeout` after 30 s.
 */
export async function startLocal(options: StartLocalOptions): Promise<ClusterContext> {
  const layout = localLayout(options.home);
  const socket = engineSocket(options.env);
  await checkEngine(socket);
  await mkdir(layout.folder, { recursive: true, mode: 0o700 });
  const record = await withFileLock(layout.lock, async () => {
    const { record: existing, managerPid, workerPid } = await localStatus(options.home);
    if (existing !== undefined && managerPid !== undefined && workerPid !== undefined)
      return existing;
    options.report(`starting a manager and a worker for this computer's engine (${layout.folder})`);
    const prepared = await prepare(options, layout, {
      socket,
      existing,
      keepPort: managerPid !== undefined,
    });
    await startDaemon(layout, 'manager');
    await startDaemon(layout, 'worker');
    return prepared;
  });
  const context = contextOf(options.home, record);
  await waitUntilReady(options, layout, context);
  return context;
}

interface ExistingState {
  readonly socket: string;
  readonly existing: LocalRecord | undefined;
  /** True if the manager is running: it occupies the port itself. */
  readonly keepPort: boolean;
}

/**
 * Writes certificates and settings, then the record, so that an interrupted setup is completed
 * later.
 */
async function prepare(
  options: StartLocalOptions,
  layout: LocalLayout,
  state: ExistingState,
): Promise<LocalRecord> {
  const { existing, keepPort } = state;
  const isRoot = process.getuid?.() === 0;
  const record: LocalRecord = {
    id: existing?.id ?? newId(),
    nodeId: existing?.nodeId ?? newId(),
    port: keepPort && existing !== undefined ? existing.port : await freePort(existing?.port ?? 0),
    // Bridges, VXLAN devices and DNS on port 53 need root; other users get the engine's own
    // networks.
    dataPlane: existing?.dataPlane ?? (isRoot ? 'overlay' : 'engine'),
  };
  const now = new Date(options.now());
  const authority = await loadUserAuthority(new MachineStore(options.home), now);
  const ids = { clusterId: record.id, nodeId: record.nodeId };
  await localCertificates(layout.pki, authority, ids, now);
  const write = (path: string, content: string): Promise<void> =>
    writeFileAtomic(path, content, 0o600);
  await write(layout.managerSettings, managerSettings(layout, record));
  await write(layout.workerSettings, workerSettings(layout, record, state.socket));
  await write(layout.record, `${JSON.stringify(record, undefined, 2)}\n`);
  return record;
}

function managerSettings(layout: LocalLayout, { id, nodeId, port }: LocalRecord): string {
  return encodeManagerSettings({
    clusterId: id,
    clusterName: localName,
    nodeId,
    listen: { host: '127.0.0.1', port },
    advertise: `127.0.0.1:${port}`,
    dataDir: layout.managerData,
    pki: {
      ca: join(layout.pki, 'ca.pem'),
      ...keyPairPaths(layout.pki, 'manager'),
      intermediate: keyPairPaths(layout.pki, 'intermediate'),
    },
    strategy: 'spread',
    logLevel: 'info',
  });
}

function workerSettings(layout: LocalLayout, record: LocalRecord, socket: string): string {
  return encodeWorkerSettings({
    clusterId: record.id,
    nodeId: record.nodeId as NodeId,
    name: hostname(),
    address: primaryAddress(),
    managers: [`127.0.0.1:${record.port}`],
    dataDir: layout.workerData,
    dockerSocket: socket,
    pki: { ca: join(layout.pki, 'ca.pem'), ...keyPairPaths(layout.pki, 'worker') },
    labels: {},
    dataPlane: record.dataPlane,
    logLevel: 'info',
  });
}

/** Waits until the manager answers and the worker has joined. */
async function waitUntilReady(
  options: StartLocalOptions,
  layout: LocalLayout,
  context: ClusterContext,
): Promise<void> {
  const client = await connectTo(context);
  try {
    const deadline = options.now() + startMs;
    for (;;) {
      if (options.signal.aborted) throw new AppError('cancelled', 'interrupted');
      if (await isReady(client, options.signal)) return;
      await throwIfExited(layout);
      if (options.now() > deadline) {
        throw new AppError(
          'timeout',
          `local cluster: not ready after ${startMs / 1000} s; see ${layout.folder}/*.log`,
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

async function throwIfExited(layout: LocalLayout): Promise<void> {
  for (const daemon of ['manager', 'worker'] as const) {
    if ((await runningPid(layout, daemon)) !== undefined) continue;
    throw new AppError(
      'unavailable',
      `local ${daemon}: exited: ${await lastLogMessage(layout, daemon)}; see ${logPath(layout, daemon)}`,
    );
  }
}

/** Stops the daemons; containers keep running. Returns the daemons that were running. */
export async function stopLocal(home: string): Promise<readonly LocalDaemon[]> {
  const layout = localLayout(home);
  const stopped: LocalDaemon[] = [];
  for (const daemon of ['worker', 'manager'] as const) {
    if (await stopDaemon(layout, daemon)) stopped.push(daemon);
  }
  return stopped;
}

/** Stops the daemons and removes containers, networks and all data of the local cluster. */
export async function removeLocal(home: string): Promise<void> {
  const layout = localLayout(home);
  const { record } = await localStatus(home);
  await stopLocal(home);
  if (record !== undefined) await purgeDaemon(layout, 'worker');
  await rm(layout.folder, { recursive: true, force: true });
}
