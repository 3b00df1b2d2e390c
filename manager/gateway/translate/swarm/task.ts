import type { Network } from '../../../common/model/network.js';
import type { Service } from '../../../common/model/service.js';
import type { Task } from '../../../common/model/task.js';
import type { StoreView } from '../../../store/store.js';
import type { QueryFilters } from '../../filters.js';
import { hasLabels, matchesFilter } from '../../filters.js';
import { toNetwork } from '../network.js';
import type { ObjectNames } from './container.js';
import { compact, objectFields, withStack } from './object.js';
import { jobIteration } from './service.js';
import { toTaskTemplate } from './spec.js';

export type TaskNames = ObjectNames & Pick<StoreView, 'get'>;

/** A task as the swarm mode API shows it: clients expect the slots of a job to begin with 0. */
export function toSwarmTask(task: Task, service: Service | undefined, names: TaskNames): object {
  const { project, spec, nodeId, slot } = task;
  const isGlobal = service?.spec.mode.kind === 'global';
  const isJob = service?.spec.mode.job === true;
  return {
    ...objectFields(task),
    Labels: {},
    Spec: toTaskTemplate(spec, { project, names, forceUpdate: service?.forceUpdate ?? 0 }),
    ServiceID: task.serviceId,
    ...(isGlobal ? {} : { Slot: isJob ? slot - 1 : slot }),
    ...(nodeId === undefined ? {} : { NodeID: nodeId }),
    Status: toStatus(task),
    DesiredState: desiredOf(task, service),
    ...compact({ NetworksAttachments: attachmentsOf(task, names) }),
    ...(isJob ? { JobIteration: jobIteration(service, task) } : {}),
  };
}

/** The desired state; a job's tasks are wanted complete. */
function desiredOf({ desired }: Task, service: Service | undefined): Task['desired'] {
  return service?.spec.mode.job === true && desired === 'running' ? 'complete' : desired;
}

/** Messages of states as in Swarm mode, for tasks without one of their own. */
const messages: Readonly<Partial<Record<Task['status']['state'], string>>> = {
  ...{ new: 'created', pending: 'pending task scheduling', assigned: 'scheduler assigned task' },
  ...{ running: 'started', complete: 'finished', shutdown: 'shutdown' },
};

function toStatus({ status, explanation }: Task): object {
  const { state, at, message, error, containerId, exitCode } = status;
  const isWaiting = state === 'new' || state === 'pending';
  const reason = isWaiting && explanation?.placed === false ? explanation.summary : '';
  return {
    Timestamp: new Date(at).toISOString(),
    State: state,
    Message: message === '' ? (messages[state] ?? state) : message,
    ...compact({ Err: error ?? reason }),
    ...(containerId === undefined
      ? {}
      : { ContainerStatus: { ContainerID: containerId, PID: 0, ExitCode: exitCode ?? 0 } }),
    PortStatus: compact({
      Ports: (status.ports ?? []).map(({ target, published, protocol }) => ({
        ...{ Protocol: protocol, TargetPort: target, PublishedPort: published },
        PublishMode: 'host',
      })),
    }),
  };
}

function attachmentsOf({ attachments }: Task, names: TaskNames): readonly object[] {
  return attachments.flatMap(({ networkId, address }) => {
    const network = names.get('networks', networkId);
    if (network === undefined) return [];
    const length = network.subnet.split('/')[1] ?? '32';
    return [{ Network: toAttachedNetwork(network), Addresses: [`${address}/${length}`] }];
  });
}

function toAttachedNetwork(network: Network): object {
  const { spec } = network;
  return {
    ...objectFields(network),
    Spec: {
      Name: spec.name,
      Labels: withStack(spec.project, spec.labels),
      DriverConfiguration: { Name: 'overlay' },
      Attachable: spec.attachable,
      Scope: 'swarm',
    },
    DriverState: { Name: 'overlay', ...optionsOf(network) },
    IPAMOptions: {
      Driver: { Name: 'default' },
      Configs: network.subnet === '' ? [] : [{ Subnet: network.subnet }],
    },
  };
}

function optionsOf(network: Network): object {
  const shown = toNetwork(network, []);
  return 'Options' in shown ? { Options: shown.Options } : {};
}

export const taskFilters = [
  ...['_up-to-date', 'desired-state', 'id', 'label', 'name', 'node', 'runtime', 'service'],
];

interface ListedTask {
  readonly task: Task;
  readonly service: Service | undefined;
}

/** `service` and `node` filters are ids. */
export function matchesTask({ task, service }: ListedTask, filters: QueryFilters): boolean {
  const { id, project, spec } = task;
  const desired = desiredOf(task, service);
  const name = service === undefined ? '' : taskName(task, service);
  return (
    matchesFilter(filters, 'id', (value) => id.startsWith(value)) &&
    matchesFilter(filters, 'name', (value) => name.startsWith(value)) &&
    matchesFilter(filters, 'service', (value) => task.serviceId === value) &&
    matchesFilter(filters, 'node', (value) => task.nodeId === value) &&
    matchesFilter(filters, 'desired-state', (value) => desired === value) &&
    matchesFilter(filters, 'runtime', (value) => value === 'container') &&
    matchesFilter(filters, '_up-to-date', () => task.taskHash === service?.taskHash) &&
    hasLabels(filters, withStack(project, { ...service?.spec.labels, ...spec.container.labels }))
  );
}

/** `web.1`, or `web.NODE` for a global service. */
function taskName({ slot, nodeId }: Task, { spec }: Service): string {
  return `${spec.name}.${spec.mode.kind === 'global' ? (nodeId ?? '') : String(slot)}`;
}
