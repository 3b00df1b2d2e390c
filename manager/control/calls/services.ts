import { AppError } from '../../common/base/errors.js';
import { podOf, podLinksOf } from '../../common/model/pod.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { Args } from '../args.js';
import type { CallContext, ControlCalls } from '../context.js';
import type { Selection } from '../find.js';
import { findService, findServices, requireManaged, runningTasks, findSelected } from '../find.js';
import { forEachTask, halt, selectTasks } from './act-on-tasks.js';
import { restart } from './restart.js';

const maxReplicas = 10_000;
const killDeadlineMs = 15_000;

function readSelection(args: Args): Selection {
  return {
    ...{ project: args.text('project'), services: args.texts('services') },
    serviceIds: args.texts('serviceIds'),
  };
}

function scale(
  tx: Transaction,
  project: string,
  replicas: Readonly<Record<string, unknown>>,
): void {
  for (const [key, count] of Object.entries(withPodMembers(tx, project, replicas))) {
    const service = findService(tx, project, key);
    requireManaged(service, 'scaled');
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
  for (const service of findSelected(tx, selection)) {
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
