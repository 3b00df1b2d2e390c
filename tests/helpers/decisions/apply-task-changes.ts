import { aTask } from '../../../fixtures/cluster/build.js';
import { rolledBack } from '../../../manager/common/model/rollback.js';
import type { Service } from '../../../manager/common/model/service.js';
import type { Task } from '../../../manager/common/model/task.js';
import type { TaskChange } from '../../../manager/orchestrator/task-change.js';

/** A service and its tasks as the store holds them. */
export interface ServiceWithTasks {
  readonly service: Service;
  readonly tasks: readonly Task[];
}

/** The store's contents after the changes are written; undefined if the service was removed. */
export function applyTaskChanges<Scene extends ServiceWithTasks>(
  scene: Scene,
  changes: readonly TaskChange[],
  now: number,
): Scene | undefined {
  let { tasks, service } = scene;
  for (const [at, change] of changes.entries()) {
    switch (change.kind) {
      case 'remove-service':
        return undefined;
      case 'dependencies-met':
        service = { ...service, dependenciesMet: true };
        break;
      case 'update-status':
        service = { ...service, updateStatus: change.status };
        break;
      case 'roll-back':
        service = rolledBack(service, { now, message: change.cause }) ?? service;
        break;
      case 'delete':
        tasks = tasks.filter((task) => task.id !== change.taskId);
        break;
      case 'desire':
        tasks = tasks.map((task) =>
          task.id === change.taskId ? { ...task, desired: change.desired } : task,
        );
        break;
      case 'create': {
        const { adopts: _adopts, slot, overQuota, ...rest } = change.task;
        const options =
          overQuota === undefined
            ? rest
            : { ...rest, overQuota: true as const, explanation: { ...overQuota, at: now } };
        const id = `z${now}-${at}-${tasks.length}`;
        const task = aTask(service, slot, { ...options, id, createdAt: now, updatedAt: now });
        tasks = [...tasks, { ...task, status: { ...task.status, state: 'new', at: now } }];
        break;
      }
      case 'hold': {
        const explanation = { ...change.explanation, at: now };
        tasks = tasks.map((task) => (task.id === change.taskId ? { ...task, explanation } : task));
        break;
      }
      case 'admit':
        tasks = tasks.map((task) => (task.id === change.taskId ? admitted(task) : task));
        break;
      case 'explain':
      case 'wait':
        break;
    }
  }
  return { ...scene, service, tasks };
}

function admitted({ overQuota: _waited, explanation: _reason, ...task }: Task): Task {
  return task;
}
