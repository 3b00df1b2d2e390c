import type { ExecutionContext } from 'ava';
import { aServiceSpec } from '../../../fixtures/cluster/build.js';
import type { ServiceSpec } from '../../../manager/common/model/service.js';
import type { FakeWorker } from '../fakes/fake-worker.js';
import { aStatus } from '../fakes/fake-worker.js';
import type { TestPki } from '../pki/pki.js';
import { until } from '../until.js';
import { DockerApi } from './docker-api.js';
import { TestManager } from './test-manager.js';

export interface GatewayScene {
  readonly manager: TestManager;
  readonly api: DockerApi;
  readonly workers: readonly FakeWorker[];
}

/** Starts two nodes, a web service with one task on each, and a redis service. */
export async function gatewayScene(t: ExecutionContext, pki: TestPki): Promise<GatewayScene> {
  const manager = await TestManager.start(t, { pki });
  const workers = [await manager.join('w1'), await manager.join('w2')];
  await until('both are ready', 60_000, async () => {
    const nodes = await manager.call('node.list', {});
    return nodes.filter(({ status }) => status.state === 'ready').length === 2;
  });
  const services = [aServiceSpec('web', { replicas: 2 }), aServiceSpec('redis')];
  await applyServices(manager, services);
  const api = new DockerApi(t, manager.port, await pki.client('ada'));
  await until('all run', 60_000, async () => (await containerNames(api)).length === 3);
  return { manager, api, workers };
}

export async function applyServices(
  manager: TestManager,
  services: readonly ServiceSpec[],
): Promise<void> {
  await manager.call('project.apply', {
    project: 'demo',
    services,
    ...{ networks: [], volumes: [], secrets: [], configs: [] },
    ...{
      externalNetworks: [],
      externalVolumes: [],
      forceRecreate: [],
      keepReplicas: [],
      renewVolumes: [],
    },
    known: services.map(({ service }) => service),
    ...{ removeOrphans: false, dryRun: false },
  });
}

/** Names of the listed containers, sorted. */
export async function containerNames(api: DockerApi, query = ''): Promise<string[]> {
  const listed = (await api.json(`/containers/json${query}`)) as { Names: string[] }[];
  return listed.flatMap(({ Names }) => Names).sort();
}

/** The message of an error. */
export function errorMessage(body: string): string {
  return (JSON.parse(body) as { message: string }).message;
}

/** Lets the node that gets the held container create it under this id. */
export async function createHeld(
  workers: readonly FakeWorker[],
  containerId: string,
): Promise<void> {
  await until('a node has the container', 60_000, () => {
    for (const worker of workers) {
      const held = [...worker.held.tasks.values()].find(({ desired }) => desired === 'ready');
      if (held === undefined) continue;
      worker.report(held.id, aStatus('ready', { containerId }));
      return true;
    }
    return false;
  });
}
