import { aService, aServiceSpec, aTask } from '../../../fixtures/cluster/build.js';
import type { Labels } from '../../../manager/common/model/meta.js';
import type { Service } from '../../../manager/common/model/service.js';
import { taskHashOf } from '../../../manager/common/model/spec-hash.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { ClusterStore } from '../../../manager/store/store.js';

/** Labels of docker compose for a container of service `api` in project `demo`. */
export function composeLabels(number: number, configHash: string): Labels {
  const label = (name: string): string => `com.docker.compose.${name}`;
  return {
    ...{ [label('project')]: 'demo', [label('service')]: 'api', [label('oneoff')]: 'False' },
    ...{ [label('container-number')]: String(number), [label('config-hash')]: configHash },
  };
}

/** A container that docker compose created for service `api`, and its task. */
export function aComposeContainer(
  number: number,
  configHash = 'config',
): { readonly service: Service; readonly task: Task } {
  const containerName = `demo-api-${String(number)}`;
  const labels = composeLabels(number, configHash);
  const container = { containerName, labels, origin: { autoRemove: false } };
  const spec = aServiceSpec('api', {
    name: `demo_${containerName}`,
    configHash,
    task: { container },
  });
  const service = { ...aService(containerName), spec, taskHash: taskHashOf(spec, 0) };
  const id = `container-${String(number)}`;
  const status = { containerId: String(number).repeat(64) };
  return {
    service,
    task: { ...aTask(service, number, { id, node: 'n1', status }), containerName },
  };
}

/** Puts services and tasks into a store as they are. */
export async function restore(
  store: ClusterStore,
  ...items: readonly { readonly service: Service; readonly task?: Task }[]
): Promise<void> {
  await store.update('restore', (tx) => {
    for (const { service, task } of items) {
      tx.create('services', service);
      if (task !== undefined) tx.create('tasks', task);
    }
  });
}
