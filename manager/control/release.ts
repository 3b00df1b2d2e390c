import { AppError } from '../common/base/errors.js';
import type { NewId } from '../common/base/random.js';
import { isClientContainer } from '../common/model/compose/compose-container.js';
import { descriptionLabels } from '../common/model/container-labels.js';
import type { ServiceId } from '../common/model/ids.js';
import { hasPodLinks, podLinksOf } from '../common/model/pod.js';
import { currentUpdate } from '../common/model/rollback.js';
import type { Service, ServiceSpec } from '../common/model/service.js';
import { taskHashOf } from '../common/model/spec-hash.js';
import type { Task } from '../common/model/task.js';
import { currentTask, tasksBySlot } from '../store/slots.js';
import type { StoreView, Transaction } from '../store/store.js';
import { addService } from './apply-service.js';

/**
 * Hands a service of `shoal up` over to docker compose, which is about to create another container
 * for it, or to a client that stops one of its containers: each slot becomes a container in the client's hands and keeps running. Throws `conflict`
 * if only the cluster can do what the service asks for.
 */
export function releaseService(
  tx: Transaction,
  newId: NewId,
  { project, service: key }: Pick<ServiceSpec, 'project' | 'service'>,
  client = 'docker compose',
): void {
  const service = tx
    .servicesOfProject(project)
    .find((each) => each.spec.service === key && !each.removing && !isClientContainer(each));
  if (service === undefined) return;
  const obstacle = obstacleOf(tx, service);
  if (obstacle !== undefined) {
    throw new AppError(
      'conflict',
      `service ${key}: "shoal up" created it and ${client} cannot take it over: ${obstacle}; use "shoal up"`,
    );
  }
  for (const tasks of tasksBySlot(tx.tasksOfService(service.id)).values()) {
    releaseSlot(tx, newId, service, tasks);
  }
  tx.remove('services', service.id);
}

/** Why docker compose cannot have the service; undefined if it can. */
function obstacleOf(view: StoreView, service: Service): string | undefined {
  const { project, service: key, mode, task } = service.spec;
  if (mode.kind === 'global') return 'it has a task on each node';
  if (mode.job === true) return 'it is a job';
  if (task.restart !== undefined) return 'the cluster restarts it by its restart_policy';
  if (currentUpdate(service)?.state === 'running') return 'it is being updated';
  const isShared = view
    .dependentsOfService(project, key)
    .some(({ spec }) => podLinksOf(spec.task.container).some((link) => link.service === key));
  if (isShared || hasPodLinks(task.container)) return 'it shares namespaces or volumes';
  return undefined;
}

function releaseSlot(
  tx: Transaction,
  newId: NewId,
  { spec: { held, ...spec } }: Service,
  tasks: readonly Task[],
): void {
  const last = currentTask(tasks) ?? tasks[0];
  if (last === undefined) return;
  const { containerName, configHash, status } = last;
  const container = {
    ...last.spec.container,
    ...{ containerName, origin: { autoRemove: false } },
    labels: descriptionLabels(last, status.imageId ?? ''),
  };
  const own: ServiceSpec = {
    ...{ name: `${spec.project}_${containerName}`, project: spec.project, service: spec.service },
    ...{ labels: {}, mode: { kind: 'replicated', replicas: 1 }, dependsOn: [] },
    ...{ endpointMode: spec.endpointMode, halted: spec.halted, configHash },
    ...(held === true && last.desired === 'ready' ? { held } : {}),
    task: { ...last.spec, container },
  };
  const id = newId() as ServiceId;
  addService(tx, id, own);
  const taskHash = taskHashOf(own, 0);
  for (const task of tasks) {
    const released = { ...task.spec.container, origin: container.origin, labels: container.labels };
    tx.put('tasks', {
      ...{ ...task, serviceId: id, taskHash },
      spec: { ...task.spec, container: released },
    });
  }
}
