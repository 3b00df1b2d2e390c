import type { ServiceId, TaskId } from '../common/model/ids.js';
import { rolledBack } from '../common/model/rollback.js';
import type { Service, TaskSpec } from '../common/model/service.js';
import { expandForTask } from '../common/model/template.js';
import type { Explanation, Task } from '../common/model/task.js';
import type { NewId } from '../common/base/random.js';
import type { Draft, Transaction } from '../store/store.js';
import type { NewTask, TaskChange } from './task-change.js';

/** Writes the changes decided for one service, in the same transaction as the decision. */
export function writeTaskChanges(
  tx: Transaction,
  id: ServiceId,
  changes: readonly TaskChange[],
  newId: NewId,
): void {
  for (const change of changes) applyChange(tx, id, change, newId);
}

function applyChange(tx: Transaction, id: ServiceId, change: TaskChange, newId: NewId): void {
  switch (change.kind) {
    case 'create':
      writeNewTask(tx, id, change, newId);
      return;
    case 'desire':
      patchTask(tx, change.taskId, () => ({ desired: change.desired }));
      return;
    case 'explain':
      patchTask(tx, change.taskId, (task) => ({
        explanation: withSummary(task, change.summary, tx.now),
      }));
      return;
    case 'hold':
      patchTask(tx, change.taskId, () => ({ explanation: { ...change.explanation, at: tx.now } }));
      return;
    case 'admit':
      admitTask(tx, change.taskId, change.cause);
      return;
    case 'delete':
      forgetTask(tx, change.taskId, change.fence);
      return;
    case 'dependencies-met':
      patchService(tx, id, (service) => ({ ...service, dependenciesMet: true }));
      return;
    case 'update-status':
      patchService(tx, id, (service) => ({ ...service, updateStatus: change.status }));
      return;
    case 'roll-back':
      patchService(tx, id, (service) =>
        rolledBack(service, { now: tx.now, message: change.cause }),
      );
      return;
    case 'remove-service':
      tx.remove('services', id);
      return;
    case 'wait':
      return;
  }
}

function writeNewTask(
  tx: Transaction,
  id: ServiceId,
  { task, cause }: Extract<TaskChange, { kind: 'create' }>,
  newId: NewId,
): void {
  const service = tx.get('services', id);
  if (service === undefined) return;
  const draft = draftTask(service, task, { id: newId() as TaskId, now: tx.now });
  tx.create('tasks', { ...draft, status: { ...draft.status, message: cause } });
}

/** Writes the service that `change` returns, if it exists and `change` returns one. */
function patchService(
  tx: Transaction,
  id: ServiceId,
  change: (service: Service) => Service | undefined,
): void {
  const service = tx.get('services', id);
  const changed = service && change(service);
  if (changed !== undefined) tx.put('services', changed);
}

function draftTask(
  service: Service,
  task: NewTask,
  how: { readonly id: TaskId; readonly now: number },
): Draft<Task> {
  const { spec } = service;
  const { slot, adopts, overQuota, ...options } = task;
  return {
    ...options,
    id: how.id,
    serviceId: service.id,
    project: spec.project,
    service: spec.service,
    slot,
    spec: expandForTask(taskSpec(spec.task, adopts), {
      service: { id: service.id, name: spec.name, labels: spec.labels },
      task: { id: how.id, name: `${spec.name}.${String(slot)}.${how.id}`, slot },
    }),
    taskHash: service.taskHash,
    configHash: spec.configHash,
    containerName:
      spec.task.container.containerName ??
      [spec.project, spec.service, slot].join(spec.nameSeparator ?? '-'),
    status: { state: 'new', at: how.now, message: '' },
    attachments: [],
    ...(adopts === undefined ? {} : { adopts: adopts.id }),
    ...(overQuota === undefined
      ? {}
      : { overQuota: true, explanation: { ...overQuota, at: how.now } }),
  };
}

/** An adopted container keeps its ports, which were chosen when it was created. */
function taskSpec(spec: TaskSpec, adopts: Task | undefined): TaskSpec {
  return adopts === undefined ? spec : { ...spec, ports: adopts.spec.ports };
}

function patchTask(tx: Transaction, id: TaskId, patch: (task: Task) => Partial<Task>): void {
  const task = tx.get('tasks', id);
  if (task !== undefined) tx.put('tasks', { ...task, ...patch(task) });
}

function admitTask(tx: Transaction, id: TaskId, message: string): void {
  const task = tx.get('tasks', id);
  if (task === undefined) return;
  const { overQuota: _waited, explanation: _reason, ...admitted } = task;
  tx.put('tasks', { ...admitted, status: { ...task.status, message } });
}

/**
 * Keeps the placement explanation as reasons behind the new summary, and restores it afterwards.
 */
function withSummary(task: Task, summary: string | undefined, at: number): Explanation {
  const old = task.explanation ?? { placed: true, summary: '', reasons: [] };
  const isDependencyNote = old.summary.startsWith('dependency ');
  const placement = isDependencyNote ? old.reasons : [old.summary, ...old.reasons];
  if (summary !== undefined) return { placed: old.placed, summary, reasons: placement, at };
  const [first = '', ...rest] = placement;
  return { placed: old.placed, summary: first, reasons: rest, at };
}

function forgetTask(tx: Transaction, id: TaskId, fence: boolean): void {
  const task = tx.get('tasks', id);
  if (task === undefined) return;
  for (const lease of tx.leasesOfTask(id)) {
    if (lease.holder.kind !== 'task' || lease.holder.taskId !== id) continue;
    // Ports need no fence: nothing is placed on the node before it has returned and cleaned up.
    if (fence && task.nodeId !== undefined && lease.id.startsWith('address/')) {
      tx.put('leases', { ...lease, holder: { kind: 'fenced', nodeId: task.nodeId } });
    } else {
      tx.remove('leases', lease.id);
    }
  }
  tx.remove('tasks', id);
}
