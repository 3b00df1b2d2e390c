import type { Network, Volume } from '../../../../manager/common/model/network.js';
import type { Node } from '../../../../manager/common/model/node.js';
import type { Service } from '../../../../manager/common/model/service.js';
import type { Task } from '../../../../manager/common/model/task.js';
import { runReference } from '../../../../manager/common/model/trust/image-record.js';
import { portsText } from '../../../output/ports.js';
import { binaryBytes, decimalBytes } from '../../../output/quantity.js';
import { statusText } from '../../../../manager/common/model/container-state.js';
import { updateText } from '../../../output/update-text.js';
import { describeData, describeDeploy } from './describe-data.js';
import { ago, field, keyValueLines, section } from './describe-lines.js';
import { age } from '../paint/text.js';
import { bySlot, explanationLines } from './task-lines.js';
import { findDeploy } from '../views/history.js';
import type { RenderContext } from '../state/view.js';
import { replicaCounts, isActiveTask } from '../views/parts.js';
import type { ListName } from '../views/all.js';

/** The description of an object as lines; undefined if it no longer exists. */
export function describeObject(
  view: ListName,
  id: string,
  look: RenderContext,
): readonly string[] | undefined {
  const { world } = look;
  switch (view) {
    case 'tasks':
      return found(world.tasks.get(id), (task) => describeTask(task, look));
    case 'endpoints':
      return found(world.tasks.get(id.split('/')[0] ?? ''), (task) => describeTask(task, look));
    case 'services':
    case 'jobs':
      return found(world.services.get(id), (service) => describeService(service, look));
    case 'machines':
      return found(world.nodes.get(id), (node) => describeMachine(node, look));
    case 'networks':
      return found(world.networks.get(id), (network) => describeNetwork(network, look));
    case 'volumes':
      return found(world.volumes.get(id), (volume) => describeVolume(volume, look));
    case 'projects':
      return describeProject(id, look);
    case 'secrets':
      return found(world.secrets.get(id), (secret) => describeData('secret', secret, look));
    case 'configs':
      return found(world.configs.get(id), (config) => describeData('config', config, look));
    case 'history':
      return found(findDeploy(id, look), (deploy) => describeDeploy(deploy, look));
    default:
      return undefined;
  }
}

function found<T>(
  object: T | undefined,
  lines: (object: T) => readonly string[],
): readonly string[] | undefined {
  return object === undefined ? undefined : lines(object);
}

export function describeTask(task: Task, look: RenderContext): readonly string[] {
  const { world, now } = look;
  const node = world.nodeOf(task);
  const { container, resources } = task.spec;
  return [
    ...field('Name', task.containerName),
    ...field('Task', task.id),
    ...field('Project', task.project),
    ...field('Service', `${task.service}, slot ${task.slot}`),
    ...field(
      'Machine',
      node === undefined ? 'not placed yet' : `${node.spec.name} (${node.description.address})`,
    ),
    ...field('Status', statusText(task, now, node)),
    ...field('State', `${task.status.state}, desired ${task.desired}`),
    ...field('Message', task.status.message),
    ...field('Error', task.status.error),
    ...field('Exit code', task.status.exitCode),
    ...field('Restarts', task.status.restarts ?? 0),
    ...field('Created', ago(task.createdAt, now)),
    ...field('Container', task.status.containerId),
    ...field('Image', runReference(container)),
    ...field('Image id', task.status.imageId),
    ...field('Command', (task.status.command ?? container.command ?? []).join(' ')),
    ...field('Ports', portsText(task, node?.description.address ?? '')),
    ...field(
      'Memory limit',
      resources.limits.memoryBytes === undefined
        ? undefined
        : binaryBytes(resources.limits.memoryBytes),
    ),
    ...section('Use', useLines(task, look)),
    ...section(
      'Networks',
      task.attachments.map(
        ({ network, address, aliases }) => `${network}  ${address}  ${aliases.join(' ')}`,
      ),
    ),
    ...section(
      'Mounts',
      container.mounts.map(
        (mount) =>
          `${mount.type} ${'source' in mount ? (mount.source ?? '') : ''} -> ${mount.target}`,
      ),
    ),
    ...section('Placement', explanationLines(task)),
    // Only names: the values of environment variables may be secrets.
    ...section('Environment', Object.keys(container.env).sort()),
    ...section('Labels', keyValueLines(container.labels)),
  ];
}

function useLines(task: Task, { world }: RenderContext): readonly string[] {
  const use = world.taskUse.get(task.id);
  if (use === undefined) return [];
  return [
    `cpu ${use.cpuPercent.toFixed(1)}% of one CPU, ${use.cpuSeconds.toFixed(1)} s in total`,
    `memory ${binaryBytes(use.memoryBytes)} of ${binaryBytes(use.memoryLimitBytes)}`,
    `network ${decimalBytes(use.rxBytes)} in, ${decimalBytes(use.txBytes)} out`,
    `disk ${decimalBytes(use.readBytes)} read, ${decimalBytes(use.writeBytes)} written`,
    `${use.pids} processes`,
  ];
}

function taskLines(tasks: readonly Task[], { world, now }: RenderContext): readonly string[] {
  return tasks.map((task) => {
    const node = world.nodeOf(task);
    return `${task.containerName}  ${node?.spec.name ?? '-'}  ${statusText(task, now, node)}`;
  });
}

export function describeService(service: Service, look: RenderContext): readonly string[] {
  const { world, now } = look;
  const { spec } = service;
  const tasks = [...world.tasksOf(service.id)].sort(bySlot);
  const { running, wanted } = replicaCounts(world, service);
  const { limits, reservations } = spec.task.resources;
  const former = service.previousSpec?.task.container;
  return [
    ...field('Name', spec.service),
    ...field('Project', spec.project),
    ...field('Id', service.id),
    ...field('Mode', spec.mode.kind),
    ...field('Replicas', `${running} of ${wanted} running`),
    ...field('Halted', spec.halted ? 'yes; start it with "shoal start"' : undefined),
    ...field('Removing', service.removing ? 'yes' : undefined),
    ...field('Image', runReference(spec.task.container)),
    ...field('Update', updateText(service, now)),
    ...field('Previous', former === undefined ? undefined : runReference(former)),
    ...field('Created', ago(service.createdAt, now)),
    ...field('Updated', ago(service.updatedAt, now)),
    ...field('Endpoint', spec.endpointMode),
    ...field('Networks', spec.task.networks.map(({ network }) => network).join(', ')),
    ...field(
      'Ports',
      spec.task.ports
        .map(
          ({ published, target, protocol, mode }) =>
            `${published ?? 'any'}->${target}/${protocol} (${mode})`,
        )
        .join(', '),
    ),
    ...field('Constraints', spec.task.placement.constraints.join(', ')),
    ...field(
      'Depends on',
      spec.dependsOn.map((item) => `${item.service} (${item.condition})`).join(', '),
    ),
    ...field(
      'Memory limit',
      limits.memoryBytes === undefined ? undefined : binaryBytes(limits.memoryBytes),
    ),
    ...field(
      'Reserved',
      reservations.memoryBytes === 0 ? undefined : binaryBytes(reservations.memoryBytes),
    ),
    ...section('Tasks', taskLines(tasks.filter(isActiveTask), look)),
    ...section(
      'Past tasks',
      taskLines(
        tasks.filter((task) => !isActiveTask(task)),
        look,
      ),
    ),
    ...section('Labels', keyValueLines(spec.labels)),
  ];
}

export function describeMachine(node: Node, look: RenderContext): readonly string[] {
  const { world, now } = look;
  const { description, spec, status } = node;
  const use = world.nodeUse.get(node.id);
  const tasks = world.tasksOn(node.id).filter(isActiveTask);
  const reserved = tasks.reduce(
    (sum, task) => sum + task.spec.resources.reservations.memoryBytes,
    0,
  );
  return [
    ...field('Name', spec.name),
    ...field('Id', node.id),
    ...field('State', `${status.state} for ${age(now - status.since)}`),
    ...field('Message', status.message),
    ...field('Availability', spec.availability),
    ...field('Role', spec.role),
    ...field('Address', description.address),
    ...field('Host name', description.hostname),
    ...field('Platform', `${description.os}/${description.arch}`),
    ...field('Engine', description.engineVersion),
    ...field('Shoal', description.shoalVersion),
    ...field('CPUs', description.nanoCpus / 1e9),
    ...field(
      'Memory',
      `${binaryBytes(description.memoryBytes)}, ${binaryBytes(reserved)} reserved`,
    ),
    ...(use === undefined
      ? []
      : [
          ...field('CPU use', `${use.cpuPercent.toFixed(0)}%, load ${use.load1.toFixed(2)}`),
          ...field('Memory use', binaryBytes(use.memoryUsedBytes)),
          ...field(
            'Disk use',
            `${binaryBytes(use.diskUsedBytes)} of ${binaryBytes(use.diskBytes)}`,
          ),
        ]),
    ...section('Tasks', taskLines(tasks, look)),
    ...section('Labels', keyValueLines(spec.labels)),
    ...section('Engine labels', keyValueLines(description.engineLabels)),
  ];
}

export function describeNetwork(network: Network, { world }: RenderContext): readonly string[] {
  const endpoints = [...world.tasks.values()].filter(isActiveTask).flatMap((task) =>
    task.attachments
      .filter(({ networkId }) => networkId === network.id)
      .map(({ address, aliases }) => {
        const names = [...new Set([task.service, task.containerName, ...aliases])];
        return `${address.padEnd(15)}  ${world.nodeOf(task)?.spec.name ?? '-'}  ${names.join(' ')}`;
      }),
  );
  return [
    ...field('Name', network.spec.name),
    ...field('Id', network.id),
    ...field('Project', network.spec.project),
    ...field('Subnet', network.subnet),
    ...field('VNI', network.vni),
    ...field('Internal', network.spec.internal ? 'yes' : 'no'),
    ...section('Addresses', endpoints),
    ...section('Labels', keyValueLines(network.spec.labels)),
  ];
}

export function describeVolume(volume: Volume, { world, now }: RenderContext): readonly string[] {
  const users = [...world.tasks.values()].filter(
    (task) =>
      isActiveTask(task) &&
      task.spec.container.mounts.some(
        (mount) => mount.type === 'volume' && mount.source === volume.spec.name,
      ),
  );
  return [
    ...field('Name', volume.spec.name),
    ...field('Id', volume.id),
    ...field('Project', volume.spec.project),
    ...field('Driver', volume.spec.driver),
    ...field(
      'Machines',
      volume.nodeIds.map((id) => world.nodes.get(id)?.spec.name ?? id).join(', '),
    ),
    ...field('Created', ago(volume.createdAt, now)),
    ...section(
      'Used by',
      users.map((task) => task.containerName),
    ),
    ...section('Labels', keyValueLines(volume.spec.labels)),
  ];
}

function describeProject(name: string, look: RenderContext): readonly string[] | undefined {
  const { world } = look;
  const services = [...world.services.values()].filter(({ spec }) => spec.project === name);
  if (services.length === 0) return undefined;
  const ofProject = (spec: { readonly project: string }): boolean => spec.project === name;
  return [
    ...field('Project', name),
    ...section(
      'Services',
      services.map((service) => {
        const { running, wanted } = replicaCounts(world, service);
        return `${service.spec.service}  ${running}/${wanted}  ${service.spec.task.container.image}`;
      }),
    ),
    ...section(
      'Networks',
      [...world.networks.values()]
        .filter(({ spec }) => ofProject(spec))
        .map(({ spec, subnet }) => `${spec.name}  ${subnet}`),
    ),
    ...section(
      'Volumes',
      [...world.volumes.values()]
        .filter(({ spec }) => ofProject(spec))
        .map(({ spec }) => spec.name),
    ),
  ];
}
