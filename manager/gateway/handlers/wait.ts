import { readVisible } from '../../access/required-right.js';
import { AppError } from '../../common/base/errors.js';
import { containerState } from '../../common/model/container-state.js';
import type { Task } from '../../common/model/task.js';
import { isTerminal } from '../../common/model/task-state.js';
import { waitUntil } from '../../store/wait-until.js';
import type { GatewayContext, Route, RouteHandler } from '../context.js';
import { findContainer, newestTask } from '../find-container.js';

const conditions = ['not-running', 'next-exit', 'removed'] as const;
type Condition = (typeof conditions)[number];

function conditionOf(query: URLSearchParams): Condition {
  const wanted = query.get('condition') ?? '';
  const condition = conditions.find((each) => each === (wanted === '' ? 'not-running' : wanted));
  if (condition !== undefined) return condition;
  throw new AppError('invalid', `invalid condition: "${wanted}"`);
}

/** The task that a container has now: a client's container gets a new one at each start. */
function taskNow(context: GatewayContext, task: Task): Task | undefined {
  const { view } = context.store;
  if (task.spec.container.origin === undefined) return view.get('tasks', task.id);
  return newestTask(view, task.serviceId);
}

/** True if a wait that began with `first` ends with the task that the container has now. */
export function isMet(condition: Condition, first: Task, now: Task | undefined): boolean {
  if (now === undefined) return true;
  const isOver = isTerminal(now.status.state);
  switch (condition) {
    case 'removed':
      return false;
    case 'not-running':
      if (hasRestarted(first, now)) return true;
      return now.status.state !== 'running' && (isOver || first.status.state !== 'running');
    case 'next-exit': {
      const isNewRun = now.id !== first.id || !isTerminal(first.status.state);
      return (isOver && isNewRun) || hasRestarted(first, now);
    }
  }
}

/** Whether the container has ended since, although its engine has started it again or will. */
function hasRestarted(first: Task, now: Task): boolean {
  if ((now.status.restarts ?? 0) > (first.status.restarts ?? 0)) return true;
  return containerState(now) === 'restarting' && containerState(first) !== 'restarting';
}

/** Responds when the condition is met. The headers are sent at once: clients wait for them. */
const wait: RouteHandler = (context, { signal, query }, reference = '') => {
  const condition = conditionOf(query);
  const { task } = findContainer(context.store.view, reference);
  let exitCode = task.status.exitCode;
  const check = (): boolean => {
    const now = taskNow(context, task);
    exitCode = now?.status.exitCode ?? exitCode;
    return isMet(condition, task, now);
  };
  return {
    kind: 'stream',
    contentType: 'application/json',
    pour: async (sink) => {
      await waitUntil(context.store, check, signal);
      await sink.send(`${JSON.stringify({ StatusCode: exitCode ?? 0 })}\n`);
    },
  };
};

export const waitRoutes: readonly Route[] = [
  { method: 'POST', pattern: /^\/containers\/(.+)\/wait$/u, right: readVisible, handler: wait },
];
