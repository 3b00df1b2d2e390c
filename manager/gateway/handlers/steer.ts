import { AppError } from '../../common/base/errors.js';
import { containerState } from '../../common/model/container-state.js';
import type { Service } from '../../common/model/service.js';
import { isWanted } from '../../store/slots.js';
import { isTerminal } from '../../common/model/task-state.js';
import type { ControlCallMap } from '../../common/protocol/control.js';
import { paths } from '../../common/protocol/messages.js';
import type { Answer } from '../answer.js';
import type { ApiRequest, GatewayContext, Handler, Route } from '../context.js';
import type { Placed } from '../find-container.js';
import { findContainer, requireRunning } from '../find-container.js';
import { count } from '../query.js';
import { untilTrue } from '../until-true.js';

const done: Answer = { kind: 'empty', status: 204 };
const wasSo: Answer = { kind: 'empty', status: 304 };

/** A start may bring an image first. */
const startMs = 120_000;
const stopSlackMs = 30_000;

type Steering = 'service.halt' | 'service.kill' | 'service.pause' | 'service.restart';

/** The client's own call on behalf of whoever asks: it is checked and noted there. */
async function call<Name extends Steering>(
  { control }: GatewayContext,
  { peer, signal }: ApiRequest,
  name: Name,
  body: ControlCallMap[Name]['args'],
): Promise<void> {
  await control({ path: paths.call + name, identity: peer, body, signal });
}

/** This one container of its service. */
function only({ task }: Placed): {
  readonly project: string;
  readonly services: readonly string[];
  readonly taskIds: readonly string[];
} {
  return { project: task.project, services: [task.service], taskIds: [task.id] };
}

/** `t`, what it is given to stop, in ms. */
function graceOf({ query }: ApiRequest): { readonly timeoutMs?: number } {
  const seconds = count(query, 't') ?? count(query, 'timeout');
  return seconds === undefined ? {} : { timeoutMs: seconds * 1000 };
}

const restart: Handler = async (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  requireRunning(item);
  await call(context, request, 'service.restart', { ...only(item), ...graceOf(request) });
  return done;
};

const kill: Handler = async (context, request, reference = '') => {
  const item = findContainer(context.store.view, reference);
  requireRunning(item);
  const signal = request.query.get('signal') ?? '';
  await call(context, request, 'service.kill', { ...only(item), signal: signal || 'SIGKILL' });
  return done;
};

function pausing(paused: boolean): Handler {
  return async (context, request, reference = '') => {
    const item = findContainer(context.store.view, reference);
    requireRunning(item);
    if ((containerState(item.task) === 'paused') === paused) {
      const already = paused ? 'already' : 'not';
      throw new AppError('conflict', `Container ${item.containerId} is ${already} paused`);
    }
    await call(context, request, 'service.pause', { ...only(item), paused });
    return done;
  };
}

/**
 * A service is stopped as a whole: its slots stay, and `start` fills them again. Throws `conflict` for a
 * container that has others beside it.
 */
function serviceOf({ store }: GatewayContext, { task }: Placed, verb: string): Service {
  const service = store.view.get('services', task.serviceId);
  const name = task.containerName;
  if (service === undefined || service.removing) {
    throw new AppError('conflict', `the service of ${name} is being removed`);
  }
  const others = store.view
    .tasksOfService(service.id)
    .filter((other) => other.slot !== task.slot && isWanted(other));
  if (others.length === 0) return service;
  throw new AppError(
    'conflict',
    `${name} is one of ${others.length + 1} containers of service ${task.service}: use "shoal ${verb} ${task.service}" for all of them, or "shoal scale"`,
  );
}

const stop: Handler = async (context, request, reference = '') => {
  const { store } = context;
  const item = findContainer(store.view, reference);
  const { task } = item;
  if (isTerminal(task.status.state)) return wasSo;
  serviceOf(context, item, 'stop');
  const grace = graceOf(request);
  const { project, service } = task;
  const halt = { project, services: [service], halted: true, ...grace };
  await call(context, request, 'service.halt', halt);
  const waitMs = (grace.timeoutMs ?? task.spec.container.stopGraceMs) + stopSlackMs;
  const hasEnded = (): boolean => {
    const now = store.view.get('tasks', task.id);
    return now === undefined || isTerminal(now.status.state);
  };
  await waitFor(context, request, { hasEnded, waitMs, what: `${task.containerName} to stop` });
  return done;
};

const start: Handler = async (context, request, reference = '') => {
  const { store } = context;
  const item = findContainer(store.view, reference);
  const { task } = item;
  if (task.status.state === 'running') return wasSo;
  const service = serviceOf(context, item, 'start');
  if (!service.spec.halted && service.spec.held !== true) {
    throw new AppError(
      'conflict',
      `${task.containerName} has ended and its service is not stopped: use "shoal up --force-recreate ${task.service}"`,
    );
  }
  const halt = { project: task.project, services: [task.service], halted: false };
  await call(context, request, 'service.halt', halt);
  const hasEnded = (): boolean =>
    store.view
      .tasksOfService(service.id)
      .some((now) => now.slot === task.slot && isWanted(now) && now.status.state === 'running');
  await waitFor(context, request, {
    hasEnded,
    waitMs: startMs,
    what: `${task.containerName} to start`,
  });
  return done;
};

async function waitFor(
  { store }: GatewayContext,
  { signal }: ApiRequest,
  wait: {
    readonly hasEnded: () => boolean;
    readonly waitMs: number;
    readonly what: string;
  },
): Promise<void> {
  const deadline = AbortSignal.timeout(wait.waitMs);
  await untilTrue(store, wait.hasEnded, AbortSignal.any([signal, deadline]));
  if (wait.hasEnded()) return;
  throw new AppError('timeout', `waited ${wait.waitMs / 1000} s for ${wait.what}`);
}

export const steeringRoutes: readonly Route[] = [
  { method: 'POST', pattern: /^\/containers\/(.+)\/restart$/u, handler: restart },
  { method: 'POST', pattern: /^\/containers\/(.+)\/kill$/u, handler: kill },
  { method: 'POST', pattern: /^\/containers\/(.+)\/pause$/u, handler: pausing(true) },
  { method: 'POST', pattern: /^\/containers\/(.+)\/unpause$/u, handler: pausing(false) },
  { method: 'POST', pattern: /^\/containers\/(.+)\/stop$/u, handler: stop },
  { method: 'POST', pattern: /^\/containers\/(.+)\/start$/u, handler: start },
];
