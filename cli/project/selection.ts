import { AppError } from '../../manager/common/base/errors.js';
import type { Node } from '../../manager/common/model/node.js';
import type { Service } from '../../manager/common/model/service.js';
import type { Task } from '../../manager/common/model/task.js';
import { isTerminal } from '../../manager/common/model/task-state.js';
import type { Cli, ClusterConnectOptions } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { closest } from '../compose/check/closest.js';
import { newestFirst } from '../client/newest-first.js';
import { projectNameOf } from './load-request.js';

/** The state of a project at the manager. */
export interface ProjectView {
  readonly client: ControlClient;
  readonly project: string;
  readonly services: readonly Service[];
  readonly tasks: readonly Task[];
  readonly nodes: ReadonlyMap<string, Node>;
}

/**
 * Resolves the project name from flags, environment or Compose file and connects to the cluster.
 */
export async function openProject(
  cli: Cli,
  options: ClusterConnectOptions = {},
): Promise<{ readonly client: ControlClient; readonly project: string }> {
  const project = await projectNameOf(cli);
  return { client: await cli.connect(options), project };
}

/** Reads services, tasks and nodes of the project; throws `not-found` for an unknown service. */
export async function viewProject(cli: Cli, services: readonly string[]): Promise<ProjectView> {
  const { client, project } = await openProject(cli);
  const { signal } = cli.interrupts;
  const [found, tasks, nodes] = await Promise.all([
    client.call('service.list', { project }, { signal }),
    client.call('task.list', { project }, { signal }),
    client.call('node.list', {}, { signal }),
  ]);
  checkServices(services, found, tasks);
  return {
    client,
    project,
    services: found,
    tasks,
    nodes: new Map(nodes.map((node) => [node.id, node])),
  };
}

/** Throws docker compose's `no such service` error, as `not-found`, for an unknown service name. */
export function checkServices(
  wanted: readonly string[],
  services: readonly Service[],
  tasks: readonly Task[] = [],
): void {
  const known = new Set([
    ...services.map(({ spec }) => spec.service),
    ...tasks.map(({ service }) => service),
  ]);
  const unknown = wanted.find((name) => !known.has(name));
  if (unknown === undefined) return;
  const near = closest(unknown, [...known]);
  const hint = near === undefined ? '' : ` (did you mean "${near}"?)`;
  throw new AppError('not-found', `no such service: ${unknown}${hint}`);
}

/**
 * Tasks of the named services, or all, by container name; the newest task of a slot comes first.
 */
export function tasksOf(
  view: Pick<ProjectView, 'tasks'>,
  services: readonly string[],
): readonly Task[] {
  return view.tasks
    .filter((task) => services.length === 0 || services.includes(task.service))
    .sort((a, b) => compareNatural(a.containerName, b.containerName) || newestFirst(a, b));
}

/** Names of the nodes of live tasks whose Docker engine does not answer. */
export function silentNodes(
  view: Pick<ProjectView, 'nodes'>,
  tasks: readonly Task[],
): readonly string[] {
  const nodes = new Set(
    tasks.filter(isLiveTask).flatMap(({ nodeId }) => view.nodes.get(nodeId ?? '') ?? []),
  );
  return [...nodes]
    .filter(({ status }) => status.engine === 'silent')
    .map(({ spec }) => spec.name)
    .sort(compareNatural);
}

/** Natural sort order: `web-2` comes before `web-10`. */
export function compareNatural(a: string, b: string): number {
  return a.localeCompare(b, 'en', { numeric: true });
}

/** True for a task that has not ended and is desired to be ready or running. */
export function isLiveTask(task: Task): boolean {
  return !isTerminal(task.status.state) && (task.desired === 'ready' || task.desired === 'running');
}

/** Compose keys of the named services without duplicates, or of all services, sorted. */
export function serviceNames(
  view: Pick<ProjectView, 'services'>,
  wanted: readonly string[],
): readonly string[] {
  if (wanted.length > 0) return [...new Set(wanted)];
  return view.services.map(({ spec }) => spec.service).sort();
}

/**
 * The running task of slot `index`; if undefined, of the lowest slot with a live task. Throws
 * `not-found`.
 */
export function runningTask(
  view: Pick<ProjectView, 'tasks'>,
  service: string,
  index: number | undefined,
): Task {
  const running = tasksOf(view, [service])
    .filter((task) => task.status.state === 'running')
    .sort((a, b) => Number(isLiveTask(b)) - Number(isLiveTask(a)) || a.slot - b.slot);
  const found = index === undefined ? running[0] : running.find(({ slot }) => slot === index);
  if (found !== undefined) return found;
  throw new AppError(
    'not-found',
    index === undefined
      ? `service "${service}" is not running`
      : `service "${service}" is not running container #${index}`,
  );
}

/** Parses the whole number of a flag or argument; throws `invalid` below `least`. */
export function wholeNumber(name: string, text: string, least = 0): number {
  const value = Number(text);
  if (/^\d+$/u.test(text) && Number.isSafeInteger(value) && value >= least) return value;
  throw new AppError('invalid', `invalid ${name} "${text}": use a whole number, ${least} or more`);
}

/** Converts `--timeout SECONDS` to ms. */
export function timeoutMs(text: string | undefined): number | undefined {
  return text === undefined ? undefined : wholeNumber('--timeout', text) * 1000;
}
