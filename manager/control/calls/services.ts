import { AppError, messageOf } from '../../common/base/errors.js';
import { podOf, podLinksOf } from '../../common/model/pod.js';
import type { Service } from '../../common/model/service.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { restartEndedTasks } from '../apply-service.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';
import type { PlacedTask } from '../find.js';
import { findService, findServices, runningTasks } from '../find.js';
import { setStopTimeout } from '../stop-timeout.js';

const maxReplicas = 10_000;
/** Added to the stop timeout and the hooks' deadlines of a restart. */
const restartSlackMs = 30_000;
/** The worker's deadline for each hook. */
const hookDeadlineMs = 10 * 60_000;
const killDeadlineMs = 15_000;

interface Selection {
  readonly project: string;
  readonly services: readonly string[];
}

function readSelection(args: Args): Selection {
  return { project: args.text('project'), services: args.texts('services') };
}

function scale(
  tx: Transaction,
  project: string,
  replicas: Readonly<Record<string, unknown>>,
): void {
  for (const [key, count] of Object.entries(withPodMembers(tx, project, replicas))) {
    const service = findService(tx, project, key);
    if (typeof count !== 'number' || !Number.isInteger(count) || count < 0 || count > maxReplicas) {
      throw new AppError(
        'invalid',
        `service ${key}: replicas must be a whole number from 0 to ${maxReplicas}, not ${String(count)}`,
      );
    }
    const { spec } = service;
    if (spec.mode.kind === 'global') {
      throw new AppError('invalid', `service ${key}: cannot be scaled, its mode is global`);
    }
    if (spec.mode.replicas === count && spec.held !== true) continue;
    const mode = { ...spec.mode, replicas: count };
    const { held: _held, ...rest } = spec;
    tx.put('services', { ...service, spec: { ...rest, mode } });
  }
}

/** Adds the other services of each pod: they share namespaces or volumes and scale together. */
function withPodMembers(
  view: StoreView,
  project: string,
  replicas: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  const members = findServices(view, project, []).map(({ spec }) => ({
    name: spec.service,
    leaders: podLinksOf(spec.task.container).map(({ service }) => service),
  }));
  const names = new Set(members.map(({ name }) => name));
  const all = new Map<string, unknown>();
  for (const [key, count] of Object.entries(replicas)) {
    const pod = podOf(key, members).filter((name) => name === key || names.has(name));
    for (const name of pod) {
      const other = replicas[name] ?? count;
      if (other !== count) {
        throw new AppError(
          'invalid',
          `services ${key} and ${name}: share namespaces or volumes; scale both to the same number`,
        );
      }
      all.set(name, count);
    }
  }
  return Object.fromEntries(all);
}

function halt(tx: Transaction, selection: Selection, halted: boolean, timeoutMs?: number): void {
  for (const service of findServices(tx, selection.project, selection.services)) {
    if (halted) setStopTimeout(tx, service, timeoutMs);
    else restartEndedTasks({ tx, view: tx }, service);
    const { held, ...spec } = service.spec;
    if (spec.halted === halted && held !== true) continue;
    tx.put('services', { ...service, spec: { ...spec, halted } });
  }
}

/** Runs `act` for all tasks in parallel, then throws one `unavailable` that lists all failures. */
async function forEachTask(
  tasks: readonly PlacedTask[],
  verb: string,
  act: (task: PlacedTask) => Promise<unknown>,
): Promise<void> {
  const results = await Promise.allSettled(tasks.map((task) => act(task)));
  const failures = results.flatMap((result, index) =>
    result.status === 'rejected'
      ? [`${tasks[index]?.containerName ?? ''}: ${messageOf(result.reason)}`]
      : [],
  );
  if (failures.length === 0) return;
  throw new AppError('unavailable', `cannot ${verb} ${failures.join('; ')}`);
}

/** Adds the services that restart with one of these (`depends_on … restart: true`). */
function withDependents(view: StoreView, services: readonly Service[]): readonly Service[] {
  const selected = new Set(services);
  for (const service of services) {
    for (const other of view.servicesOfProject(service.spec.project)) {
      const follows = other.spec.dependsOn.some(
        (dependency) => dependency.restart && dependency.service === service.spec.service,
      );
      if (follows && !other.removing) selected.add(other);
    }
  }
  return [...selected];
}

/** Keeps the tasks named in `taskIds`; all of them if none is named. */
function selectTasks(args: Args, tasks: readonly PlacedTask[]): readonly PlacedTask[] {
  const wanted = args.texts('taskIds');
  return wanted.length === 0 ? tasks : tasks.filter(({ id }) => wanted.includes(id));
}

async function restart(context: CallContext, value: unknown): Promise<null> {
  const args = new Args('service.restart', value);
  const selection = readSelection(args);
  const timeoutMs = args.count('timeoutMs');
  const { store, workers, signal } = context;
  const selected = findServices(store.view, selection.project, selection.services);
  const alone = args.flag('noDependents') || args.texts('taskIds').length > 0;
  const all = alone ? selected : withDependents(store.view, selected);
  const tasks = selectTasks(args, runningTasks(store.view, all));
  await store.update('control', (tx) => {
    halt(tx, selection, false);
  });
  await forEachTask(tasks, 'restart', (task) => {
    const stopMs = timeoutMs ?? task.spec.container.stopGraceMs;
    const { preStop = [], postStart = [] } = task.spec.container;
    const hooksMs = (preStop.length + postStart.length) * hookDeadlineMs;
    const lastMs = stopMs + hooksMs + restartSlackMs;
    const deadline = AbortSignal.any([signal, AbortSignal.timeout(lastMs)]);
    const call = { taskId: task.id, ...(timeoutMs === undefined ? {} : { timeoutMs }) };
    return workers.call(task.nodeId, 'restart', call, deadline);
  });
  return null;
}

async function kill(context: CallContext, value: unknown): Promise<null> {
  const args = new Args('service.kill', value);
  const { project, services } = readSelection(args);
  const signalName = args.text('signal');
  const { store, workers, signal } = context;
  const tasks = selectTasks(
    args,
    runningTasks(store.view, findServices(store.view, project, services)),
  );
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(killDeadlineMs)]);
  await forEachTask(tasks, 'kill', (task) =>
    workers.call(task.nodeId, 'kill', { taskId: task.id, signal: signalName }, deadline),
  );
  return null;
}

async function pause(context: CallContext, value: unknown): Promise<null> {
  const args = new Args('service.pause', value);
  const { project, services } = readSelection(args);
  const verb = args.flag('paused') ? 'pause' : 'unpause';
  const { store, workers, signal } = context;
  const tasks = selectTasks(
    args,
    runningTasks(store.view, findServices(store.view, project, services)),
  );
  const deadline = AbortSignal.any([signal, AbortSignal.timeout(killDeadlineMs)]);
  await forEachTask(tasks, verb, (task) =>
    workers.call(task.nodeId, verb, { taskId: task.id }, deadline),
  );
  return null;
}

/**
 * Removes the ended tasks of services. A service without a live task is also halted; otherwise the
 * orchestrator would fill its slots again at once.
 */
function clean(tx: Transaction, selection: Selection): readonly string[] {
  const removed: string[] = [];
  for (const service of findServices(tx, selection.project, selection.services)) {
    const tasks = tx.tasksOfService(service.id);
    const ended = tasks.filter(
      (task) => isTerminal(task.status.state) && task.desired !== 'remove',
    );
    if (ended.length === 0) continue;
    if (!service.spec.halted && tasks.every((task) => isTerminal(task.status.state))) {
      tx.put('services', { ...service, spec: { ...service.spec, halted: true } });
    }
    for (const task of ended) {
      tx.put('tasks', { ...task, desired: 'remove' });
      removed.push(task.containerName);
    }
  }
  return [...new Set(removed)].sort();
}

export const serviceCalls: Pick<
  ControlCalls,
  | 'service.list'
  | 'service.scale'
  | 'service.halt'
  | 'service.restart'
  | 'service.kill'
  | 'service.pause'
  | 'service.clean'
> = {
  'service.list': ({ store }, value) => {
    const project = new Args('service.list', value).optionalText('project');
    const { view } = store;
    return Promise.resolve(
      project === undefined ? view.list('services') : view.servicesOfProject(project),
    );
  },
  'service.scale': async ({ store }, value) => {
    const args = new Args('service.scale', value);
    await store.update('control', (tx) => {
      scale(tx, args.text('project'), args.object('replicas'));
    });
    return null;
  },
  'service.halt': async ({ store }, value) => {
    const args = new Args('service.halt', value);
    await store.update('control', (tx) => {
      halt(tx, readSelection(args), args.flag('halted'), args.count('timeoutMs'));
    });
    return null;
  },
  'service.restart': restart,
  'service.kill': kill,
  'service.pause': pause,
  'service.clean': ({ store }, value) => {
    const selection = readSelection(new Args('service.clean', value));
    return store.update('control', (tx) => clean(tx, selection));
  },
};
