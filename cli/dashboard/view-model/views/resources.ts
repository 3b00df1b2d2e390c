import type { Network, Volume } from '../../../../manager/common/model/network.js';
import type { Task } from '../../../../manager/common/model/task.js';
import type { ClusterEvent } from '../../../../manager/common/protocol/control.js';
import { stateMarkOf, taskStateName } from '../paint/glyphs.js';
import { serviceStyle } from '../paint/spans.js';
import type { Column, RenderContext } from '../state/view.js';
import { defineView } from '../state/view.js';
import { grouped } from '../state/cluster-state.js';
import { isActiveTask } from './parts.js';
import { ageColumn, machineColumn, projectColumn, stateColumn } from './columns.js';

interface Endpoint {
  readonly id: string;
  readonly task: Task;
  readonly network: string;
  readonly address: string;
  readonly mac: string;
  readonly names: string;
}

function endpointsOf(tasks: Iterable<Task>): readonly Endpoint[] {
  return [...tasks].filter(isActiveTask).flatMap((task) =>
    task.attachments.map((attachment) => ({
      id: `${task.id}/${attachment.networkId}`,
      task,
      network: attachment.network,
      address: attachment.address,
      mac: attachment.mac,
      names: [...new Set([task.service, task.containerName, ...attachment.aliases])].join(' '),
    })),
  );
}

const endpointMark = ({ task }: Endpoint, { world, glyphs }: RenderContext) =>
  stateMarkOf(taskStateName(task, world.nodeOf(task)), glyphs);

/** The address as a number, so that .9 sorts before .10. */
function addressOrder({ address }: Endpoint): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}

const endpointColumns: readonly Column<Endpoint>[] = [
  {
    key: 'address',
    title: 'ADDRESS',
    width: 15,
    priority: 0,
    text: ({ address }) => address,
    order: addressOrder,
  },
  {
    key: 'names',
    title: 'NAMES',
    width: 24,
    max: 60,
    priority: 0,
    text: ({ names }) => names,
    style: ({ task }) => serviceStyle(`${task.project}/${task.service}`),
  },
  stateColumn(endpointMark, 11, 1),
  machineColumn(({ task }) => task, 2),
  {
    key: 'network',
    title: 'NETWORK',
    width: 10,
    max: 24,
    priority: 3,
    text: ({ network }) => network,
  },
  { key: 'mac', title: 'MAC', width: 17, priority: 5, text: ({ mac }) => mac },
];

export const endpointsView = defineView<Endpoint>({
  name: 'endpoints',
  title: 'Names and addresses',
  aliases: ['dns', 'endpoints', 'addresses', 'vip'],
  sort: { column: 'address', descending: false },
  columns: endpointColumns,
  items: ({ world }, { networkId, project }) =>
    endpointsOf(world.tasks.values()).filter(
      ({ id, task }) =>
        (networkId === undefined || id.endsWith(`/${networkId}`)) &&
        (project === undefined || task.project === project),
    ),
  id: ({ id }) => id,
  text: ({ names, address, network }) => `${names} ${address} ${network}`,
  hasProblem: (endpoint, look) => endpointMark(endpoint, look).style !== 'good',
});

const endpointCounts = ({ world }: RenderContext): ReadonlyMap<string, number> =>
  world.memo('endpoint-counts', () => {
    const counts = new Map<string, number>();
    for (const task of world.tasks.values()) {
      if (!isActiveTask(task)) continue;
      for (const { networkId } of task.attachments) {
        counts.set(networkId, (counts.get(networkId) ?? 0) + 1);
      }
    }
    return counts;
  });

export const networksView = defineView<Network>({
  name: 'networks',
  title: 'Networks',
  aliases: ['networks', 'network', 'net'],
  sort: { column: 'name', descending: false },
  columns: [
    { key: 'name', title: 'NAME', width: 20, max: 40, priority: 0, text: ({ spec }) => spec.name },
    { key: 'subnet', title: 'SUBNET', width: 18, priority: 0, text: ({ subnet }) => subnet },
    {
      key: 'vni',
      title: 'VNI',
      width: 8,
      priority: 3,
      right: true,
      text: ({ vni }) => String(vni),
      order: ({ vni }) => vni,
    },
    {
      key: 'endpoints',
      title: 'ENDPOINTS',
      width: 9,
      priority: 1,
      right: true,
      text: ({ id }, look) => String(endpointCounts(look).get(id) ?? 0),
      order: ({ id }, look) => endpointCounts(look).get(id) ?? 0,
    },
    projectColumn(),
    {
      key: 'flags',
      title: 'FLAGS',
      width: 10,
      priority: 4,
      text: ({ spec, removing }) =>
        [spec.internal ? 'internal' : '', removing ? 'removing' : ''].join(' ').trim(),
    },
  ],
  items: ({ world }, { project }) =>
    [...world.networks.values()].filter(
      ({ spec }) => project === undefined || spec.project === project,
    ),
  id: ({ id }) => id,
  text: ({ spec, subnet }) => `${spec.name} ${subnet}`,
  labels: ({ spec }) => spec.labels,
});

/** Live tasks by the name of the volume they mount. */
const volumeUsers = ({ world }: RenderContext): ReadonlyMap<string, readonly Task[]> =>
  world.memo('volume-users', () => {
    const uses = [...world.tasks.values()]
      .filter(isActiveTask)
      .flatMap((task) =>
        task.spec.container.mounts.flatMap((mount) =>
          mount.type === 'volume' && mount.source !== undefined
            ? [{ name: mount.source, task }]
            : [],
        ),
      );
    const groups = grouped(uses, ({ name }) => name);
    return new Map([...groups].map(([name, found]) => [name, found.map(({ task }) => task)]));
  });

export const volumesView = defineView<Volume>({
  name: 'volumes',
  title: 'Volumes',
  aliases: ['volumes', 'volume', 'vol'],
  sort: { column: 'name', descending: false },
  columns: [
    { key: 'name', title: 'NAME', width: 20, max: 48, priority: 0, text: ({ spec }) => spec.name },
    {
      key: 'nodes',
      title: 'MACHINES',
      width: 12,
      max: 40,
      priority: 0,
      text: ({ nodeIds }, { world }) =>
        nodeIds.map((id) => world.nodes.get(id)?.spec.name ?? id).join(','),
    },
    { key: 'driver', title: 'DRIVER', width: 8, priority: 3, text: ({ spec }) => spec.driver },
    {
      key: 'users',
      title: 'USED BY',
      width: 12,
      max: 50,
      priority: 1,
      text: ({ spec }, look) =>
        (volumeUsers(look).get(spec.name) ?? []).map((task) => task.containerName).join(','),
    },
    projectColumn(),
    ageColumn(),
  ],
  items: ({ world }, { project }) =>
    [...world.volumes.values()].filter(
      ({ spec }) => project === undefined || spec.project === project,
    ),
  id: ({ id }) => id,
  text: ({ spec }) => spec.name,
  labels: ({ spec }) => spec.labels,
});

interface Image {
  readonly name: string;
  readonly ids: readonly string[];
  readonly nodes: readonly string[];
  readonly tasks: number;
}

function imagesOf({ world }: RenderContext, project: string | undefined): readonly Image[] {
  const tasks = world
    .currentTasks()
    .filter((task) => project === undefined || task.project === project);
  return [...grouped(tasks, ({ spec }) => spec.container.image)].map(([name, users]) => ({
    name,
    ids: [...new Set(users.flatMap(({ status }) => status.imageId ?? []))],
    nodes: [...new Set(users.map((task) => world.nodeOf(task)?.spec.name ?? ''))].filter(
      (node) => node !== '',
    ),
    tasks: users.length,
  }));
}

export const imagesView = defineView<Image>({
  name: 'images',
  title: 'Images in use',
  aliases: ['images', 'image', 'img'],
  sort: { column: 'name', descending: false },
  columns: [
    { key: 'name', title: 'IMAGE', width: 24, max: 60, priority: 0, text: ({ name }) => name },
    {
      key: 'tasks',
      title: 'TASKS',
      width: 5,
      priority: 0,
      right: true,
      text: ({ tasks }) => String(tasks),
      order: ({ tasks }) => tasks,
    },
    {
      key: 'id',
      title: 'ID',
      width: 12,
      max: 25,
      priority: 1,
      text: ({ ids }) => ids.map((id) => id.replace('sha256:', '').slice(0, 12)).join(','),
      // Machines run different images under the same name.
      style: ({ ids }) => (ids.length > 1 ? 'warn' : 'plain'),
    },
    {
      key: 'nodes',
      title: 'MACHINES',
      width: 12,
      max: 60,
      priority: 2,
      text: ({ nodes }) => nodes.join(','),
    },
  ],
  items: (look, { project }) => imagesOf(look, project),
  id: ({ name }) => name,
  text: ({ name, nodes }) => `${name} ${nodes.join(' ')}`,
  hasProblem: ({ ids }) => ids.length > 1,
});

interface ListedEvent {
  readonly event: ClusterEvent;
  readonly id: string;
}

export const eventsView = defineView<ListedEvent>({
  name: 'events',
  title: 'Events',
  aliases: ['events', 'event', 'ev'],
  sort: { column: 'time', descending: true },
  columns: [
    {
      key: 'time',
      title: 'TIME',
      width: 8,
      priority: 0,
      text: ({ event }) => new Date(event.at).toISOString().slice(11, 19),
      order: ({ event }) => event.at,
    },
    { key: 'type', title: 'TYPE', width: 9, priority: 1, text: ({ event }) => event.type },
    {
      key: 'action',
      title: 'ACTION',
      width: 14,
      max: 24,
      priority: 0,
      text: ({ event }) => event.action,
      style: ({ event }) =>
        /die|down|fail|kill|oom|reject|unhealthy/u.test(event.action) ? 'bad' : 'plain',
    },
    {
      key: 'name',
      title: 'NAME',
      width: 20,
      max: 40,
      priority: 0,
      text: ({ event }) => event.name,
    },
    {
      key: 'details',
      title: 'DETAILS',
      width: 20,
      max: 120,
      priority: 2,
      text: ({ event }) =>
        Object.entries(event.attributes)
          .filter(([key]) => !key.startsWith('com.docker.') && key !== 'name')
          .map(([key, value]) => `${key}=${value}`)
          .join(' '),
    },
  ],
  items: ({ world }, { project }) =>
    world.events
      .map((event, at) => ({ event, id: `${event.at}/${at}/${event.id}` }))
      .filter(
        ({ event }) =>
          project === undefined ||
          (event.attributes['com.docker.compose.project'] ?? project) === project,
      ),
  id: ({ id }) => id,
  text: ({ event }) => `${event.type} ${event.action} ${event.name}`,
  labels: ({ event }) => event.attributes,
  hasProblem: ({ event }) => /die|down|fail|kill|oom|reject|unhealthy/u.test(event.action),
});
