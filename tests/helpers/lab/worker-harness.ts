import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { buildArchive } from '../../../fixtures/images/archive.js';
import { busyboxImage, busyboxReference } from '../../../fixtures/images/busybox.js';
import { loadImages } from '../../../fixtures/images/load.js';
import { aService, aTask, type TaskOptions } from '../../../fixtures/cluster/build.js';
import type { Machine } from '../../../fixtures/lab/machine.js';
import { systemClock } from '../../../manager/common/base/clock.js';
import { jsonLogger } from '../../../manager/common/base/log.js';
import { silentLogger } from '../fakes/silent-logger.js';
import type { ContainerSpec } from '../../../manager/common/model/container.js';
import type { NetworkId, NodeId } from '../../../manager/common/model/ids.js';
import type { NetworkOnNode } from '../../../manager/common/model/network-view.js';
import type { PortSpec } from '../../../manager/common/model/service.js';
import type { AssignedTask } from '../../../manager/common/protocol/assignments.js';
import { connectEngine } from '../../../worker/engine.js';
import { EngineDataPlane } from '../../../worker/executor/engine-data-plane.js';
import type { EffectiveSettings } from '../../../worker/settings.js';
import { Worker } from '../../../worker/worker.js';
import { FakeManager } from '../fakes/fake-manager.js';

/** A worker in this process on a lab machine's engine, with a manager controlled by the test. */
export interface WorkerHarness {
  readonly manager: FakeManager;
  readonly settings: EffectiveSettings;
  readonly worker: Worker;
  /** Stops the worker and starts another one on the same data. */
  restart(): Promise<WorkerHarness>;
  stop(): Promise<void>;
}

/** A temporary folder that the machines see as well. */
export async function harnessDir(): Promise<string> {
  return await mkdtemp('/var/tmp/shoal-worker-');
}

export async function startHarness(
  machine: Machine,
  dataDir: string,
  previous?: FakeManager,
): Promise<WorkerHarness> {
  const settings: EffectiveSettings = {
    clusterId: 'c-bench',
    nodeId: 'node-a' as NodeId,
    name: 'node-a',
    address: machine.address,
    managers: ['192.0.2.1:7070'],
    dataDir,
    secretsDir: join(dataDir, 'secrets'),
    dockerSocket: machine.engineSocket,
    pki: { ca: '', cert: '', key: '' },
    labels: {},
    dataPlane: 'engine',
    logLevel: 'debug',
  };
  const log =
    process.env.SHOAL_TEST_LOG === undefined
      ? silentLogger
      : jsonLogger(
          'debug',
          (line) => process.stderr.write(line),
          () => Date.now(),
        );
  const manager = previous ?? new FakeManager(settings.clusterId, settings.nodeId);
  const clock = systemClock;
  const engine = connectEngine(settings, clock, log);
  const dataPlane = new EngineDataPlane({ networks: engine.networks, clock, log });
  const { dial } = manager;
  const worker = new Worker({ settings, version: '0', clock, log, engine, dataPlane, dial });
  await worker.start();
  return {
    manager,
    settings,
    worker,
    async restart() {
      await worker.stop();
      return await startHarness(machine, dataDir, manager);
    },
    stop: () => worker.stop(),
  };
}

export async function loadBusybox(machine: Machine): Promise<void> {
  await loadImages(await buildArchive([await busyboxImage()]), [machine]);
}

export async function removeDir(path: string): Promise<void> {
  await rm(path, { recursive: true, force: true });
}

export const harnessNetwork: NetworkOnNode = {
  id: 'n-net' as NetworkId,
  name: 'demo_net',
  project: 'demo',
  key: 'net',
  vni: 4096,
  subnet: '10.97.0.0/24',
  gateway: '10.97.0.1',
  internal: false,
  labels: {},
};

export interface HarnessTaskOptions extends TaskOptions {
  readonly service?: string;
  readonly slot?: number;
  readonly container?: Partial<ContainerSpec>;
  readonly ports?: readonly PortSpec[];
  /** Host part of its address in the test network; without it the task has no overlay network. */
  readonly host?: number;
  readonly startDelayMs?: number;
}

/** A busybox task that sleeps by default. */
export function harnessTask(id: string, options: HarnessTaskOptions = {}): AssignedTask {
  const { service = 'web', slot = 1, container, ports = [], host, startDelayMs, ...rest } = options;
  const made = aService(service, {
    task: {
      ports,
      container: {
        image: busyboxReference,
        command: ['sleep', '600'],
        stopGraceMs: 1_000,
        hostConfig: { Init: true },
        ...(host === undefined ? { networkMode: { kind: 'none' } } : {}),
        ...container,
      },
    },
  });
  const attachments =
    host === undefined
      ? []
      : [
          {
            networkId: harnessNetwork.id,
            network: harnessNetwork.name,
            address: `10.97.0.${String(host)}`,
            mac: `02:42:0a:61:00:${host.toString(16).padStart(2, '0')}`,
            aliases: [`demo-${service}-${String(slot)}`],
          },
        ];
  const task = aTask(made, slot, { id, attachments, node: 'node-a', ...rest });
  return startDelayMs === undefined ? task : { ...task, startDelayMs };
}
