import {
  clientSlot,
  composePlace,
  isClientContainer,
} from '../common/model/compose/compose-container.js';
import type { Service, ServiceSpec } from '../common/model/service.js';
import type { Task } from '../common/model/task.js';
import type { StoreView, Transaction } from '../store/store.js';
import { isWanted } from '../store/slots.js';

/**
 * Containers that docker compose created through the Docker API for a service, by number. Each is a
 * service of its own with the same Compose key.
 */
export function composeContainers(
  view: StoreView,
  { project, service }: Pick<ServiceSpec, 'project' | 'service'>,
): readonly Service[] {
  return view
    .servicesOfProject(project)
    .filter((each) => !each.removing && each.spec.service === service && isClientContainer(each))
    .filter(({ spec }) => composePlace(spec.task.container.labels) !== undefined)
    .sort((a, b) => clientSlot(a.spec) - clientSlot(b.spec));
}

/**
 * Moves docker compose's containers into the slots of their service. A container with the service's
 * config hash is up to date and keeps running unless `isForced`; the orchestrator replaces others
 * as in an update. A container whose slot is taken is removed.
 */
export function takeOverContainers(
  tx: Transaction,
  service: Service,
  how: { readonly containers: readonly Service[]; readonly isForced: boolean },
): void {
  const isReplicated = service.spec.mode.kind === 'replicated';
  const taken = new Set(
    tx
      .tasksOfService(service.id)
      .filter(isWanted)
      .map(({ slot }) => slot),
  );
  for (const container of how.containers) {
    const slot = clientSlot(container.spec);
    if (!isReplicated || taken.has(slot)) {
      tx.put('services', { ...container, removing: true });
      continue;
    }
    taken.add(slot);
    for (const task of tx.tasksOfService(container.id)) {
      const moved = movedTask(task, service, { slot, isForced: how.isForced });
      tx.put('tasks', moved);
    }
    tx.remove('services', container.id);
  }
}

function movedTask(
  task: Task,
  { id, spec, taskHash }: Service,
  { slot, isForced }: { readonly slot: number; readonly isForced: boolean },
): Task {
  const { origin: _origin, ...container } = task.spec.container;
  const owner = { serviceId: id, service: spec.service, slot };
  if (isForced || task.configHash !== spec.configHash) {
    return { ...task, ...owner, spec: { ...task.spec, container } };
  }
  // The scheduler has resolved ranges of ports.
  return { ...task, ...owner, taskHash, spec: { ...spec.task, ports: task.spec.ports } };
}
