import { AppError } from '../../common/base/errors.js';
import { defaultStopGraceMs } from '../../common/model/container.js';
import { restartLayers, restartsWith, withDependents } from '../../common/model/dependents.js';
import type { PlacedTask } from '../../common/model/running-task.js';
import type { Dependency, Service } from '../../common/model/service.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { Task } from '../../common/model/task.js';
import { currentTask, tasksBySlot } from '../../store/slots.js';
import type { StoreView } from '../../store/store.js';
import { waitUntil } from '../../store/wait-until.js';
import { Args } from '../args.js';
import type { CallContext } from '../context.js';
import { findServices, runningTasks, findSelected } from '../find.js';
import { forEachTask, halt, selectTasks } from './act-on-tasks.js';

/** Added to the stop timeout and the hooks' deadlines of a restart. */
const restartSlackMs = 30_000;
/** The worker's deadline for each hook. */
const hookDeadlineMs = 10 * 60_000;
/** Time that a restarted service has to meet the conditions of its dependents. */
const conditionDeadlineMs = 4 * 60_000;

/**
 * Restarts the running tasks of the services and of those that restart with them. Dependents follow
 * when the restarted tasks meet their conditions.
 */
export async function restart(context: CallContext, value: unknown): Promise<null> {
  const args = new Args('service.restart', value);
  const project = args.text('project');
  const timeoutMs = args.count('timeoutMs');
  const { view } = context.store;
  const [services, serviceIds] = [args.texts('services'), args.texts('serviceIds')];
  const selected = findSelected(view, { project, services, serviceIds });
  const alone = args.flag('noDependents') || args.texts('taskIds').length > 0;
  const layers = alone ? [selected] : restartLayers(addDependents(view, project, selected));
  for (const [index, layer] of layers.entries()) {
    const tasks = selectTasks(args, runningTasks(view, layer));
    await context.store.update('control', (tx) => {
      const chosen = layer.filter((each) => selected.includes(each)).map(({ id }) => id);
      if (chosen.length > 0) halt(tx, { project, services: [], serviceIds: chosen }, false);
    });
    await forEachTask(tasks, 'restart', (task) => restartTask(context, task, timeoutMs));
    const followers = layers.slice(index + 1).flat();
    await Promise.all(layer.map((each) => awaitConditions(context, each, { tasks, followers })));
  }
  return null;
}

/** Adds the services that restart with these (`depends_on … restart: true`). */
function addDependents(
  view: StoreView,
  project: string,
  services: readonly Service[],
): readonly Service[] {
  const all = findServices(view, project, []);
  const names = withDependents(
    services.map(({ spec }) => spec.service),
    all.map(({ spec }) => spec),
  );
  return all.filter(({ spec }) => names.includes(spec.service));
}

function restartTask(
  { workers, signal }: CallContext,
  task: PlacedTask,
  timeoutMs: number | undefined,
): Promise<unknown> {
  const stopMs = timeoutMs ?? task.spec.container.stopGraceMs ?? defaultStopGraceMs;
  const { preStop = [], postStart = [] } = task.spec.container;
  const hooksMs = (preStop.length + postStart.length) * hookDeadlineMs;
  const lastMs = stopMs + hooksMs + restartSlackMs;
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(lastMs)]);
  const call = { taskId: task.id, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
  return workers.call(task.nodeId, 'restart', call, deadline);
}

type Progress = 'met' | 'waiting' | { readonly failure: string };

/** Waits until the restarted tasks of a service meet the conditions of its followers. */
async function awaitConditions(
  { store, signal }: CallContext,
  { id, spec }: Service,
  { tasks, followers }: { readonly tasks: readonly Task[]; readonly followers: readonly Service[] },
): Promise<void> {
  const old = tasks.filter(({ serviceId }) => serviceId === id);
  const needed = followers
    .filter((each) => restartsWith(each.spec).includes(spec.service))
    .flatMap((each) => each.spec.dependsOn)
    .filter(
      ({ service, condition }) => service === spec.service && condition !== 'service_started',
    );
  for (const dependency of needed) {
    const progress = (): Progress => progressOf(dependency, old, store.view.tasksOfService(id));
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(conditionDeadlineMs)]);
    await waitUntil(store, () => progress() !== 'waiting', deadline);
    const last = progress();
    if (last === 'met' || !dependency.required) continue;
    throw failureOf(spec.service, dependency, last);
  }
}

function failureOf(
  service: string,
  { condition }: Dependency,
  progress: Exclude<Progress, 'met'>,
): AppError {
  const goal = condition === 'service_healthy' ? 'healthy' : 'complete';
  return progress === 'waiting'
    ? new AppError(
        'timeout',
        `service ${service}: not ${goal} ${conditionDeadlineMs / 1_000} s after its restart; its dependents were not restarted`,
      )
    : new AppError(
        'unavailable',
        `service ${service}: ${progress.failure} after its restart; its dependents were not restarted`,
      );
}

/** `old`: the tasks before the restart. Slots that did not run before count only if none did. */
function progressOf(
  { condition }: Dependency,
  old: readonly Task[],
  now: readonly Task[],
): Progress {
  const slots = tasksBySlot(now);
  const numbers = old.length > 0 ? old.map(({ slot }) => slot) : [...slots.keys()];
  const all = numbers.map((slot): Progress => {
    const task = currentTask(slots.get(slot) ?? []);
    const before = old.find((each) => each.id === task?.id)?.status.startedAt;
    if (task === undefined || isBefore(task, before)) return 'waiting';
    return condition === 'service_healthy' ? healthOf(task) : completionOf(task);
  });
  return (
    all.find((each) => typeof each === 'object') ?? (all.includes('waiting') ? 'waiting' : 'met')
  );
}

/** Whether the task's status is still that of the time before the restart. */
function isBefore({ status }: Task, startedAt: number | undefined): boolean {
  return startedAt !== undefined && status.startedAt === startedAt;
}

function healthOf({ status: { state, health } }: Task): Progress {
  if (isTerminal(state)) return { failure: `its task is ${state}` };
  if (state !== 'running') return 'waiting';
  if (health === undefined) return { failure: 'has no health check' };
  if (health === 'unhealthy') return { failure: 'is unhealthy' };
  return health === 'healthy' ? 'met' : 'waiting';
}

function completionOf({ status: { state } }: Task): Progress {
  if (state === 'complete') return 'met';
  return isTerminal(state) ? { failure: `its task is ${state}` } : 'waiting';
}
