import { deployVisible } from '../../access/required-right.js';
import { AppError, toAppError } from '../../common/base/errors.js';
import { defaultStopGraceMs } from '../../common/model/container.js';
import { containerState } from '../../common/model/container-state.js';
import type { Service } from '../../common/model/service.js';
import { isWanted, wasRejected } from '../../store/slots.js';
import type { Task } from '../../common/model/task.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { ApiResponse } from '../response.js';
import type { ApiRequest, GatewayContext, RouteHandler, Route } from '../context.js';
import type { PlacedContainer } from '../find-container.js';
import { findContainer, newestTask, requireRunning } from '../find-container.js';
import { countParameter } from '../query.js';
import { waitUntil } from '../../store/wait-until.js';
import type { StoreView } from '../../store/store.js';
import { failureOf } from '../task-failure.js';
import { waitForState } from '../wait-for-state.js';
import { requireNode, requireUp } from './remove.js';

const done: ApiResponse = { kind: 'empty', status: 204 };
const notModified: ApiResponse = { kind: 'empty', status: 304 };

/** Deadline of a start, which may pull an image first. */
const startMs = 120_000;
const stopSlackMs = 30_000;
/** Deadline of a worker to report a pause that its engine has confirmed. */
const pauseMs = 10_000;
/** Deadline of a killed process to end, as on the Docker Engine. */
const killMs = 10_000;

/** Selects the service of a task; containers of docker compose share their service's key. */
function serviceOfTask({ project, service, serviceId }: Task): {
  readonly project: string;
  readonly services: readonly string[];
  readonly serviceIds: readonly string[];
} {
  return { project, services: [service], serviceIds: [serviceId] };
}

/** Selects a single container of its service. */
function selectOnly({ task }: PlacedContainer): {
  readonly project: string;
  readonly services: readonly string[];
  readonly serviceIds: readonly string[];
  readonly taskIds: readonly string[];
} {
  return { ...serviceOfTask(task), taskIds: [task.id] };
}

/** Stop timeout from `t` (seconds), in ms. */
function graceOf({ query }: ApiRequest): { readonly timeoutMs?: number } {
  const seconds = countParameter(query, 't') ?? countParameter(query, 'timeout');
  return seconds === undefined ? {} : { timeoutMs: seconds * 1000 };
}

const restart: RouteHandler = async (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  requireUp(item, 'restart');
  if (isOwn(item) && item.task.status.state !== 'running') {
    await startOwn(context, request, item);
    return done;
  }
  requireRunning(item);
  await context.control('service.restart', { ...selectOnly(item), ...graceOf(request) }, request);
  return done;
};

/** Finds a running container. Its errors have the Docker Engine's prefix for this call. */
function findKillable({ store }: GatewayContext, reference: string): PlacedContainer {
  try {
    const item = findContainer(store.view, reference);
    requireRunning(item);
    return item;
  } catch (error) {
    const { kind, message } = toAppError(error);
    throw new AppError(kind, `Cannot kill container: ${reference}: ${message}`, { cause: error });
  }
}

const kill: RouteHandler = async (context, request, reference = '') => {
  const item = findKillable(context, reference);
  const signal = request.query.get('signal') ?? '';
  const killArgs = { ...selectOnly(item), signal: signal || 'SIGKILL' };
  await context.control('service.kill', killArgs, request);
  if (['', 'KILL', 'SIGKILL', '9'].includes(signal)) await untilKilled(context, request, item);
  return done;
};

function setPaused(paused: boolean): RouteHandler {
  return async (context, request, reference = '') => {
    const item = findContainer(context.store.view, reference);
    requireRunning(item);
    if ((containerState(item.task) === 'paused') === paused) {
      const already = paused ? 'already' : 'not';
      throw new AppError('conflict', `Container ${item.containerId} is ${already} paused`);
    }
    await context.control('service.pause', { ...selectOnly(item), paused }, request);
    // The engine has acted; the next call must see it.
    const isDone = (): boolean => {
      const now = context.store.view.get('tasks', item.task.id);
      if (now === undefined || isTerminal(now.status.state)) return true;
      return (containerState(now) === 'paused') === paused;
    };
    const what = `${item.task.containerName} to be ${paused ? 'paused' : 'unpaused'}`;
    await waitForState(context, request, { isDone, waitMs: pauseMs, what });
    return done;
  };
}

/**
 * The container's service. Services stop as a whole: their slots remain, and `start` fills them
 * again. Throws `conflict` if the service has more than this container.
 */
function serviceOf({ store }: GatewayContext, { task }: PlacedContainer, verb: string): Service {
  const service = store.view.get('services', task.serviceId);
  const name = task.containerName;
  if (service === undefined || service.removing) {
    throw new AppError('conflict', `container ${name}: its service is being removed`);
  }
  const siblings = siblingsOf(store.view, { task });
  if (siblings.length === 0) return service;
  throw new AppError(
    'conflict',
    `container ${name}: is one of ${siblings.length + 1} containers of service ${task.service}; use "shoal ${verb} ${task.service}" for all of them, or "shoal scale"`,
  );
}

/** Wanted tasks of the other slots of the container's service. */
function siblingsOf(view: StoreView, { task }: Pick<PlacedContainer, 'task'>): readonly Task[] {
  return view
    .tasksOfService(task.serviceId)
    .filter((other) => other.slot !== task.slot && isWanted(other));
}

/**
 * Puts one of several containers of a service in its client's hands, with the others: the cluster
 * would replace a stopped one.
 */
async function releaseSibling(
  context: GatewayContext,
  request: ApiRequest,
  item: PlacedContainer,
): Promise<PlacedContainer> {
  if (isOwn(item) || siblingsOf(context.store.view, item).length === 0) return item;
  await context.control('container.release', { taskId: item.task.id }, request);
  return findContainer(context.store.view, item.containerId);
}

const stop: RouteHandler = async (context, request, reference = '') => {
  const { store } = context;
  const found = findContainer(store.view, reference);
  if (isTerminal(found.task.status.state)) return notModified;
  requireNode(found, 'stop');
  const item = await releaseSibling(context, request, found);
  const { task } = item;
  if (isOwn(item) && task.status.state !== 'running') return notModified;
  serviceOf(context, item, 'stop');
  const grace = graceOf(request);
  const haltArgs = { ...serviceOfTask(task), halted: true, ...grace };
  await context.control('service.halt', haltArgs, request);
  const { stopGraceMs = defaultStopGraceMs } = task.spec.container;
  const waitMs = (grace.timeoutMs ?? stopGraceMs) + stopSlackMs;
  const isDone = (): boolean => {
    const now = store.view.get('tasks', task.id);
    return now === undefined || isTerminal(now.status.state);
  };
  await waitForState(context, request, { isDone, waitMs, what: `${task.containerName} to stop` });
  return done;
};

const start: RouteHandler = async (context, request, reference = '') => {
  const { store } = context;
  const item = findContainer(store.view, reference);
  const { task } = item;
  requireUp(item, 'start');
  if (task.status.state === 'running') return notModified;
  if (isOwn(item)) {
    await startOwn(context, request, item);
    return done;
  }
  const service = serviceOf(context, item, 'start');
  if (!service.spec.halted && service.spec.held !== true) {
    throw new AppError(
      'conflict',
      `container ${task.containerName}: has exited and its service is not stopped; use "shoal up --force-recreate ${task.service}"`,
    );
  }
  const haltArgs = { ...serviceOfTask(task), halted: false };
  await context.control('service.halt', haltArgs, request);
  const isDone = (): boolean =>
    store.view
      .tasksOfService(service.id)
      .some((now) => now.slot === task.slot && isWanted(now) && now.status.state === 'running');
  await waitForState(context, request, {
    isDone,
    waitMs: startMs,
    what: `${task.containerName} to start`,
  });
  return done;
};

/** Whether a client created the container through this API. */
function isOwn({ task }: PlacedContainer): boolean {
  return task.spec.container.origin !== undefined;
}

/**
 * Starts a container that a client created, for the first time or again. Returns once it runs or has
 * run; throws the engine's message if it cannot be started.
 */
async function startOwn(
  context: GatewayContext,
  request: ApiRequest,
  item: PlacedContainer,
): Promise<void> {
  const { task } = item;
  const isAgain = isTerminal(task.status.state);
  let last: Task | undefined;
  const isDone = (): boolean => {
    const now = newestTask(context.store.view, task.serviceId);
    if (now === undefined) return true;
    if (isAgain && now.id === task.id) return false;
    last = now;
    return now.status.state === 'running' || isTerminal(now.status.state);
  };
  const haltArgs = { ...serviceOfTask(task), halted: false };
  await context.control('service.halt', haltArgs, request);
  const what = `${task.containerName} to start`;
  await waitForState(context, request, { isDone, waitMs: startMs, what });
  // Clients derive their exit code from the engine's text.
  if (last !== undefined && wasRejected(last)) throw failureOf(last.status);
}

/** Waits until the killed process has ended; its engine may have restarted it. */
async function untilKilled(
  { store }: GatewayContext,
  { signal }: ApiRequest,
  { task }: PlacedContainer,
): Promise<void> {
  const isDone = (): boolean => {
    const now = store.view.get('tasks', task.id);
    if (now === undefined || isTerminal(now.status.state)) return true;
    return now.status.startedAt !== task.status.startedAt;
  };
  await waitUntil(store, isDone, AbortSignal.any([signal, AbortSignal.timeout(killMs)]));
}

export const lifecycleRoutes: readonly Route[] = [
  {
    method: 'POST',
    pattern: /^\/containers\/(.+)\/restart$/u,
    right: deployVisible,
    handler: restart,
  },
  { method: 'POST', pattern: /^\/containers\/(.+)\/kill$/u, right: deployVisible, handler: kill },
  {
    method: 'POST',
    pattern: /^\/containers\/(.+)\/pause$/u,
    right: deployVisible,
    handler: setPaused(true),
  },
  {
    method: 'POST',
    pattern: /^\/containers\/(.+)\/unpause$/u,
    right: deployVisible,
    handler: setPaused(false),
  },
  { method: 'POST', pattern: /^\/containers\/(.+)\/stop$/u, right: deployVisible, handler: stop },
  { method: 'POST', pattern: /^\/containers\/(.+)\/start$/u, right: deployVisible, handler: start },
];
