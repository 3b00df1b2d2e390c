import { isFields } from '../../common/base/decode.js';
import type { MountSpec } from '../../common/model/container.js';
import { containerState, isUnknown, statusText } from '../../common/model/container-state.js';
import { orderedPorts, portAddress } from '../../common/model/published-ports.js';
import type { Attachment, Task } from '../../common/model/task.js';
import { currentTask } from '../../store/slots.js';
import type { StoreView } from '../../store/store.js';
import type { PlacedContainer } from '../find-container.js';
import { labelsOf } from './labels.js';
import { isActive, shownState } from './shown-state.js';

export interface ContainerContext {
  readonly view: Pick<StoreView, 'get' | 'serviceByName' | 'tasksOfService'>;
  readonly clusterId: string;
  /** ms since the epoch. */
  readonly now: number;
}

/**
 * An entry of `GET /containers/json`. Published ports show the node's address, since `0.0.0.0` does
 * not identify a machine.
 */
export function toContainer(item: PlacedContainer, scene: ContainerContext): object {
  const { task, node, containerId } = item;
  const { container } = task.spec;
  const state = shownState(item);
  return {
    Id: containerId,
    Names: [`/${task.containerName}`],
    Image: container.image,
    ImageID: task.status.imageId ?? '',
    Command: (task.status.command ?? container.command ?? []).join(' '),
    Created: Math.floor(task.createdAt / 1000),
    Ports: [
      ...orderedPorts(task).map((port) => ({
        IP: portAddress(port, node.description.address),
        PrivatePort: port.target,
        PublicPort: port.published,
        Type: port.protocol,
      })),
      ...(isActive(state) ? unpublishedPorts(task) : []),
    ],
    Labels: labelsOf(item, scene.clusterId),
    State: state,
    Status: statusOf(item, scene.now),
    HostConfig: { NetworkMode: networkModeText(item, scene) },
    Health: { Status: task.status.health ?? 'none', FailingStreak: 0 },
    NetworkSettings: { Networks: endpointsOf(task.attachments, scene.view) },
    Mounts: container.mounts.map(toMountPoint),
  };
}

/** Ports that the container's spec exposes and does not publish; those of its image are unknown. */
export function unpublishedPorts(
  task: Task,
): readonly { readonly PrivatePort: number; readonly Type: string }[] {
  const { ExposedPorts: exposed } = task.spec.container.config;
  if (!isFields(exposed)) return [];
  const published = new Set(orderedPorts(task).map((port) => `${port.target}/${port.protocol}`));
  return Object.keys(exposed)
    .filter((key) => /^\d+\/\w+$/u.test(key) && !published.has(key))
    .map((key) => {
      const [port = '', Type = ''] = key.split('/');
      return { PrivatePort: Number(port), Type };
    });
}

/** A client's container that could not be started is created, as on the Docker Engine. */
function statusOf({ task, node }: PlacedContainer, now: number): string {
  const isCreated = task.spec.container.origin !== undefined && containerState(task) === 'created';
  return isCreated && !isUnknown(task, node) ? 'Created' : statusText(task, now, node);
}

function networkModeText({ task }: PlacedContainer, { view }: ContainerContext): string {
  const mode = task.spec.container.networkMode;
  if (mode.kind === 'networks') return task.attachments[0]?.network ?? 'default';
  if (mode.kind === 'container') return `container:${mode.container}`;
  if (mode.kind !== 'service') return mode.kind;
  return `container:${leaderId(task, mode.service, view) ?? mode.service}`;
}

/** ID of the container whose network the task shares: the same slot of another service. */
function leaderId(
  { project, slot, nodeId }: Task,
  leader: string,
  view: ContainerContext['view'],
): string | undefined {
  const service = view.serviceByName(`${project}_${leader}`);
  const slots = service === undefined ? [] : view.tasksOfService(service.id);
  const onNode = slots.filter((each) => each.slot === slot && each.nodeId === nodeId);
  return currentTask(onNode)?.status.containerId;
}

export function endpointsOf(
  attachments: readonly Attachment[],
  view: Pick<StoreView, 'get'>,
): Readonly<Record<string, object>> {
  return Object.fromEntries(
    attachments.map((attachment) => {
      const subnet = view.get('networks', attachment.networkId)?.subnet ?? '';
      return [
        attachment.network,
        {
          IPAMConfig: { IPv4Address: attachment.address },
          Links: null,
          Aliases: attachment.aliases,
          NetworkID: attachment.networkId,
          EndpointID: '',
          Gateway: '',
          IPAddress: attachment.address,
          IPPrefixLen: Number(subnet.split('/')[1] ?? 0),
          IPv6Gateway: '',
          GlobalIPv6Address: '',
          GlobalIPv6PrefixLen: 0,
          MacAddress: attachment.mac,
          DriverOpts: null,
        },
      ];
    }),
  );
}

function toMountPoint(mount: MountSpec): object {
  const common = { Type: mount.type, Destination: mount.target, Mode: '', Propagation: '' };
  switch (mount.type) {
    case 'volume':
      return {
        ...common,
        Name: mount.source ?? '',
        Source: '',
        Driver: 'local',
        RW: !mount.readOnly,
      };
    case 'bind':
      return {
        ...common,
        Source: mount.source,
        RW: !mount.readOnly,
        Propagation: mount.propagation ?? 'rprivate',
      };
    case 'tmpfs':
      return { ...common, Source: '', RW: !mount.readOnly };
    case 'image':
      return { ...common, Source: mount.source, RW: false };
  }
}
