import type { Service } from '../../manager/common/model/service.js';
import { hasPodLinks, podLinksOf } from '../../manager/common/model/pod.js';
import { currentUpdate } from '../../manager/common/model/rollback.js';
import { currentTask, isAvailable, isWanted, tasksBySlot } from '../../manager/store/slots.js';
import type { Task } from '../../manager/common/model/task.js';
import { isAssigned } from '../../manager/common/model/task-state.js';
import type { StoreView } from '../../manager/store/store.js';
import type { Machine } from './machine.js';

/** Differences from what the specs ask for, one line each; empty once the cluster has converged. */
export function unconverged(view: StoreView, machines: readonly Machine[]): readonly string[] {
  return [
    ...view.list('services').flatMap((service) => missingOf(service, view)),
    ...strayTasks(view, machines),
    ...strayLeases(view),
    ...strayNetworks(view),
  ];
}

function missingOf(service: Service, view: StoreView): readonly string[] {
  const name = service.spec.service;
  if (service.removing) return [`${name} is not removed`];
  const slots = tasksBySlot(view.tasksOfService(service.id));
  const lines = [...slots].flatMap(([slot, tasks]) => leftovers(service, slot, tasks));
  if (service.spec.halted) {
    const running = [...slots.values()].filter((tasks) => currentTask(tasks) !== undefined);
    return running.length === 0 ? lines : [...lines, `${name} is stopped and has tasks`];
  }
  const wanted = wantedSlots(service, view, slots);
  const unfilled = wanted.flatMap((slot) => {
    const task = currentTask(slots.get(slot) ?? []);
    const waits =
      waitsForDependencies(task, service, view) ||
      waitsForRoom(task, service, slots) ||
      waitsForLeader(slot, service, view);
    if (waits || isConverged(task, service)) return [];
    return [`${name}.${slot} is ${describe(task, service)}`];
  });
  const extra = [...slots.keys()].filter((slot) => !wanted.includes(slot));
  return [...lines, ...unfilled, ...extra.map((slot) => `${name}.${slot} is not wanted`)];
}

function leftovers(service: Service, slot: number, tasks: readonly Task[]): readonly string[] {
  const wanted = tasks.filter(isWanted).length;
  // Without room for both tasks, start-first keeps both and explains why.
  const most = service.spec.update?.order === 'start-first' ? 2 : 1;
  const unended = tasks.filter((task) => !isWanted(task) && isAssigned(task.status.state));
  return [
    ...(wanted > most ? [`${service.spec.service}.${slot} has ${wanted} wanted tasks`] : []),
    ...unended.map((task) => `${task.id} has not ended`),
  ];
}

function wantedSlots(
  service: Service,
  view: StoreView,
  slots: ReadonlyMap<number, readonly Task[]>,
): readonly number[] {
  const { mode } = service.spec;
  if (mode.kind === 'replicated') return Array.from({ length: mode.replicas }, (_, at) => at + 1);
  const nodes = view.list('nodes').filter((node) => node.spec.availability === 'active');
  const filled = [...slots]
    .filter(([, tasks]) => nodes.some((node) => node.id === currentTask(tasks)?.nodeId))
    .map(([slot]) => slot);
  // A pod member has the slots of its leader, wherever that runs.
  if (hasPodLinks(service.spec.task.container)) return filled;
  // As many slots as nodes; which slot runs on which node is arbitrary.
  return filled.length === nodes.length ? filled : [...filled, 0];
}

/** Running and available, waiting with a reason, or ended for good by its restart policy. */
function isConverged(task: Task | undefined, service: Service): boolean {
  if (task === undefined) return false;
  // A paused update leaves the remaining slots outdated.
  const isOutdated = task.taskHash !== service.taskHash;
  if (isOutdated && currentUpdate(service)?.state !== 'paused') return false;
  const { state } = task.status;
  if (state === 'running') return task.desired === 'running' && isAvailable(task);
  if (state === 'ready') return task.explanation?.summary.startsWith('dependency ') === true;
  if (state === 'pending')
    return task.explanation?.placed === false && task.explanation.summary !== '';
  return (state === 'failed' || state === 'complete') && endsForGood(task, service);
}

function describe(task: Task | undefined, service: Service): string {
  if (task === undefined) return 'empty';
  const { state, health = '', error = '' } = task.status;
  const outdated = task.taskHash === service.taskHash ? '' : 'outdated';
  const needs = service.spec.dependsOn.map((each) => `needs ${each.service} ${each.condition}`);
  const parts = [task.id, state, health, error, outdated, task.explanation?.summary, ...needs];
  return parts.filter((part) => part !== '').join(' ');
}

function endsForGood(task: Task, service: Service): boolean {
  const { restart } = service.spec.task;
  if (restart === undefined || restart.condition === 'none') return true;
  if (restart.condition === 'on-failure' && task.status.state === 'complete') return true;
  return restart.maxAttempts > 0 && (task.attempts?.restarted ?? 0) >= restart.maxAttempts;
}

/** An update replaces no further task while a replaced each has failed or cannot be placed. */
function waitsForRoom(
  task: Task | undefined,
  service: Service,
  slots: ReadonlyMap<number, readonly Task[]>,
): boolean {
  if (task?.taskHash === service.taskHash) return false;
  return [...slots.values()].some((tasks) => {
    const other = currentTask(tasks);
    return other?.explanation?.placed === false || other?.status.state === 'failed';
  });
}

/** A dependency cannot be placed, or its update is held up by a failed replica. */
function waitsForDependencies(task: Task | undefined, service: Service, view: StoreView): boolean {
  if (task?.desired !== 'ready') return false;
  const wanted = new Set(service.spec.dependsOn.map((dependency) => dependency.service));
  return view
    .servicesOfProject(service.spec.project)
    .filter((other) => wanted.has(other.spec.service))
    .some((other) => {
      const tasks = view.tasksOfService(other.id);
      const slots = tasksBySlot(tasks);
      const heldUp = tasks.some((each) => isWanted(each) && waitsForRoom(each, other, slots));
      if (heldUp || tasks.length === 0) return true;
      return tasks.some(({ status }) => ['pending', 'ready'].includes(status.state));
    });
}

/** The leader is stopped, removed or cannot be placed. */
function waitsForLeader(slot: number, service: Service, view: StoreView): boolean {
  const leaders = new Set(podLinksOf(service.spec.task.container).map((tie) => tie.service));
  if (leaders.size === 0) return false;
  const found = view
    .servicesOfProject(service.spec.project)
    .filter(({ spec }) => leaders.has(spec.service));
  if (found.length < leaders.size) return true;
  return found.some(({ id }) => {
    const leader = currentTask(tasksBySlot(view.tasksOfService(id)).get(slot) ?? []);
    return leader === undefined || !isAvailable(leader);
  });
}

function strayTasks(view: StoreView, machines: readonly Machine[]): readonly string[] {
  return machines.flatMap((machine) =>
    machine.running().flatMap(({ taskId }) => {
      const known = view.get('tasks', taskId);
      return known?.status.state === 'running' && isWanted(known)
        ? []
        : [`${machine.id} runs ${taskId}, which is ${known?.status.state ?? 'forgotten'}`];
    }),
  );
}

/** Networks marked for removal that no service uses and that still have a record. */
function strayNetworks(view: StoreView): readonly string[] {
  const used = new Set(
    view.list('services').flatMap(({ spec }) => spec.task.networks.map(({ network }) => network)),
  );
  return view
    .list('networks')
    .filter(({ removing, spec }) => removing && !used.has(spec.name))
    .map(({ spec }) => `network ${spec.name} is not removed`);
}

function strayLeases(view: StoreView): readonly string[] {
  return view.list('leases').flatMap(({ id, holder }) => {
    if (holder.kind === 'fenced') return [`${id} is fenced`];
    if (holder.kind === 'task' && view.get('tasks', holder.taskId) === undefined) {
      return [`${id} belongs to no task`];
    }
    return [];
  });
}
