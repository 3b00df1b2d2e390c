import type { Service, TaskSpec } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { differences } from '../describe/differences.js';
import { age } from '../paint/text.js';
import type { Column, RenderContext } from '../state/view.js';
import { defineView } from '../state/view.js';
import { isActiveTask } from './parts.js';

/** A version of a service: its tasks that still exist, grouped by the hash of their spec. */
export interface DeployVersion {
  readonly id: string;
  readonly service: Service;
  readonly tasks: readonly Task[];
  /** Creation of the oldest task, ms since the epoch. */
  readonly since: number;
  readonly isCurrent: boolean;
}

/** Versions of all services that still have a task. */
function deploysOf({ world }: RenderContext): readonly DeployVersion[] {
  return world.memo('deploys', () =>
    [...world.services.values()].flatMap((service) => {
      const versions = new Map<string, Task[]>();
      for (const task of world.tasksOf(service.id)) {
        const known = versions.get(task.taskHash);
        if (known === undefined) versions.set(task.taskHash, [task]);
        else known.push(task);
      }
      return [...versions].map(([hash, tasks]) => ({
        id: `${service.id}/${hash}`,
        service,
        tasks,
        since: Math.min(...tasks.map(({ createdAt }) => createdAt)),
        isCurrent: hash === service.taskHash,
      }));
    }),
  );
}

export function findDeploy(id: string, look: RenderContext): DeployVersion | undefined {
  return deploysOf(look).find((deploy) => deploy.id === id);
}

/** Differences to the current version, or for the current version to the previous one, as lines. */
export function deployChanges({ service, tasks, isCurrent }: DeployVersion): readonly string[] {
  const spec = tasks[0]?.spec;
  const [before, after] = isCurrent
    ? [service.previousSpec?.task, service.spec.task]
    : [spec, service.spec.task];
  if (before === undefined) return ['no previous version'];
  const found = differences(masked(before, before), masked(after, before));
  if (found.length === 0) return ['no differences; its tasks were only recreated'];
  return found.flatMap((change) => [change.path, `  - ${change.before}`, `  + ${change.after}`]);
}

/**
 * Hides the values of the environment, which may be secrets; shows only which differ from `other`.
 */
function masked(spec: TaskSpec, other: TaskSpec): unknown {
  const env = Object.entries(spec.container.env).map(([key, value]) => [
    key,
    value === other.container.env[key] ? '(hidden)' : '(hidden, changed)',
  ]);
  return { ...spec, container: { ...spec.container, env: Object.fromEntries(env) as unknown } };
}

const columns: readonly Column<DeployVersion>[] = [
  {
    key: 'when',
    title: 'WHEN',
    width: 5,
    priority: 0,
    right: true,
    text: ({ since }, { now }) => age(now - since),
    order: ({ since }) => since,
  },
  {
    key: 'service',
    title: 'SERVICE',
    width: 20,
    max: 40,
    priority: 0,
    text: ({ service: { spec } }) => `${spec.project}/${spec.service}`,
  },
  {
    key: 'state',
    title: 'VERSION',
    width: 9,
    priority: 0,
    text: ({ isCurrent }) => (isCurrent ? 'current' : 'replaced'),
    style: ({ isCurrent }) => (isCurrent ? 'good' : 'dim'),
  },
  {
    key: 'tasks',
    title: 'TASKS',
    width: 9,
    priority: 1,
    right: true,
    text: ({ tasks }) => `${tasks.filter(isActiveTask).length}/${tasks.length}`,
    order: ({ tasks }) => tasks.length,
  },
  {
    key: 'image',
    title: 'IMAGE',
    width: 20,
    max: 50,
    priority: 2,
    text: ({ tasks }) => tasks[0]?.spec.container.image ?? '',
  },
  {
    key: 'changed',
    title: 'CHANGED',
    width: 16,
    max: 60,
    priority: 3,
    text: (deploy) =>
      deployChanges(deploy)
        .filter((line) => !line.startsWith(' '))
        .join(' '),
  },
];

export const historyView = defineView<DeployVersion>({
  name: 'history',
  title: 'History of deploys',
  aliases: ['history', 'hist', 'deploys'],
  sort: { column: 'when', descending: true },
  columns,
  items: (look, { project, serviceId }) =>
    deploysOf(look).filter(
      ({ service }) =>
        (project === undefined || service.spec.project === project) &&
        (serviceId === undefined || service.id === serviceId),
    ),
  id: ({ id }) => id,
  text: ({ service: { spec }, tasks }) =>
    `${spec.project}/${spec.service} ${tasks[0]?.spec.container.image ?? ''}`,
});
