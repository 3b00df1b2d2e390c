import { isTerminal } from '../../manager/common/model/task-state.js';
import type { Task } from '../../manager/common/model/task.js';
import { pendingReason } from '../../manager/common/model/container-state.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { WatchedState } from '../client/watched.js';
import type { ProgressRow } from '../output/progress.js';
import { withProgress } from '../project/progress-output.js';
import { followProject } from './follow/follow.js';
import { isNodeDown, taskNodeName } from './follow/slots.js';
import type { WaitStatus } from './follow/wait-status.js';

/** The slots that had a task on the drained nodes, by `service id/slot`, with the container. */
export type DrainedSlots = Map<string, Task>;

/**
 * Compares a watched state with the goal of a drain: no task is left on the nodes. Adds the slots
 * found there to `slots`, so that their successors are shown. A task that fits no other node keeps
 * running; its row gives the reason. Tasks of a node that is down are not waited for.
 */
export function evaluateDrain(
  nodeIds: ReadonlySet<string>,
  slots: DrainedSlots,
  state: WatchedState,
): WaitStatus {
  const left = [...state.tasks.values()].filter(
    (task) =>
      nodeIds.has(task.nodeId ?? '') &&
      !isTerminal(task.status.state) &&
      task.status.state !== 'pending' &&
      !isNodeDown(state.nodes.get(task.nodeId ?? '')),
  );
  const held = new Map(left.map((task) => [slotKey(task), task]));
  for (const [key, task] of held) slots.set(key, task);
  const rows = [...slots].map(([key, task]) => row(task, held.get(key), state));
  return { rows, done: held.size === 0, stuck: [] };
}

function slotKey({ serviceId, slot }: Task): string {
  return `${serviceId}/${slot}`;
}

function row(drained: Task, held: Task | undefined, state: WatchedState): ProgressRow {
  const id = `Container ${drained.containerName}`;
  const successor = [...state.tasks.values()].find(
    (task) =>
      slotKey(task) === slotKey(drained) &&
      task.id !== drained.id &&
      task.createdAt >= drained.createdAt &&
      !isTerminal(task.status.state),
  );
  const detail = successor === undefined ? '' : taskNodeName(state, successor);
  if (held === undefined) {
    return successor === undefined
      ? { id, text: 'Stopped', state: 'done' }
      : { id, text: 'Moved', state: 'done', detail };
  }
  if (held.desired === 'shutdown' || held.desired === 'remove') {
    return { id, text: 'Stopping', state: 'working', detail };
  }
  const reason = successor === undefined ? undefined : pendingReason(successor);
  if (reason !== undefined) {
    return { id, text: 'Waiting', state: 'warning', detail: `keeps running: ${reason}` };
  }
  return successor === undefined
    ? { id, text: 'Waiting', state: 'working' }
    : { id, text: 'Moving', state: 'working', detail };
}

/** Waits until drained nodes run no task and shows each container's progress on stderr. */
export async function waitForDrain(
  cli: Cli,
  client: ControlClient,
  nodeIds: ReadonlySet<string>,
): Promise<void> {
  const slots: DrainedSlots = new Map();
  await withProgress(cli, async (progress) => {
    await followProject({
      client,
      progress,
      title: 'Draining',
      evaluate: (state) => evaluateDrain(nodeIds, slots, state),
      signal: cli.interrupts.signal,
      now: cli.now,
    });
  });
}
