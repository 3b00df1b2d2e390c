import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { AppliedChange } from '../../../manager/common/protocol/project-calls.js';
import type { WatchedState } from '../../client/watched.js';
import type { ProgressRow } from '../../output/progress.js';
import type { WaitStatus } from './wait-status.js';
import { isNodeDown, taskNodeName } from './slots.js';

export interface DownTarget {
  readonly project: string;
  /** Compose keys of the services; undefined for the whole project. */
  readonly services: readonly string[] | undefined;
  /** Changes from the manager's answer to `project.remove`. */
  readonly changes: readonly AppliedChange[];
  readonly before: WatchedState;
}

/** Tasks of the project or the named services, by container name; each may have a container. */
export function tasksToRemove(wanted: Pick<DownTarget, 'project' | 'services' | 'before'>): Task[] {
  const { services } = wanted;
  return [...wanted.before.tasks.values()]
    .filter((task) => task.project === wanted.project)
    .filter((task) => services?.includes(task.service) ?? true)
    .sort((a, b) => (a.containerName < b.containerName ? -1 : 1));
}

/**
 * Compares a watched state with the objects that `down` removes. Pure. Objects on a node that is
 * down count as done, with a warning.
 */
export function evaluateDown(wanted: DownTarget, state: WatchedState): WaitStatus {
  const rows = [...containerRows(wanted, state), ...objectRows(wanted, state)];
  const services = [...state.services.values()].filter(
    ({ spec }) =>
      spec.project === wanted.project && (wanted.services?.includes(spec.service) ?? true),
  );
  const done = services.length === 0 && rows.every((row) => row.state !== 'working');
  return { rows, done, stuck: [] };
}

function containerRows(wanted: DownTarget, state: WatchedState): readonly ProgressRow[] {
  const rows = new Map<string, ProgressRow>();
  for (const task of tasksToRemove(wanted)) {
    const row = containerRow(task, wanted, state);
    // Older tasks of a slot share its container name: the row shows the slowest one.
    if (row !== undefined && rows.get(row.id)?.state !== 'working') rows.set(row.id, row);
  }
  return [...rows.values()];
}

function containerRow(
  task: Task,
  wanted: DownTarget,
  state: WatchedState,
): ProgressRow | undefined {
  const id = `Container ${task.containerName}`;
  const node = task.nodeId === undefined ? undefined : state.nodes.get(task.nodeId);
  if (task.nodeId !== undefined && isNodeDown(node)) {
    const detail = `${taskNodeName(state, task)} is down; removed when it returns`;
    return { id, text: 'Left', state: 'warning', detail };
  }
  if (task.nodeId === undefined) return undefined;
  const detail = taskNodeName(wanted.before, task);
  const now = state.tasks.get(task.id);
  if (now === undefined) return { id, text: 'Removed', state: 'done', detail };
  const text = isTerminal(now.status.state) ? 'Removing' : 'Stopping';
  return { id, text, state: 'working', detail };
}

function objectRows(wanted: DownTarget, state: WatchedState): readonly ProgressRow[] {
  const networks = new Set([...state.networks.values()].map(({ spec }) => spec.name));
  const volumes = new Set([...state.volumes.values()].map(({ spec }) => spec.name));
  const down = [...state.nodes.values()].filter((node) => isNodeDown(node));
  return wanted.changes.flatMap(({ kind, name, action }): readonly ProgressRow[] => {
    if (action !== 'removed' || (kind !== 'network' && kind !== 'volume')) return [];
    const exists = (kind === 'network' ? networks : volumes).has(name);
    const id = `${kind === 'network' ? 'Network' : 'Volume'} ${name}`;
    if (!exists) return [{ id, text: 'Removed', state: 'done' }];
    const stuck = kind === 'network' ? stuckText(name, state) : undefined;
    if (stuck !== undefined) return [{ id, text: 'Left', state: 'warning', detail: stuck }];
    // A node that is down keeps its part of a network or volume until it returns.
    if (down.length > 0 && onlyLeftOnDown(wanted, state)) {
      const names = down.map(({ spec }) => spec.name).join(', ');
      return [{ id, text: 'Left', state: 'warning', detail: `until ${names} returns` }];
    }
    return [{ id, text: 'Removing', state: 'working' }];
  });
}

/** Where an engine refuses to remove a network, and why; removed there once it permits it. */
function stuckText(name: string, { networks, nodes }: WatchedState): string | undefined {
  const network = [...networks.values()].find(({ spec }) => spec.name === name);
  const [first] = network?.leftOn ?? [];
  if (first === undefined) return undefined;
  return `on ${nodes.get(first.nodeId)?.spec.name ?? first.nodeId}: ${first.problem}`;
}

/** True if all remaining tasks are on nodes that are down. */
function onlyLeftOnDown(wanted: DownTarget, state: WatchedState): boolean {
  return tasksToRemove({ ...wanted, before: state }).every((task) =>
    isNodeDown(task.nodeId === undefined ? undefined : state.nodes.get(task.nodeId)),
  );
}
