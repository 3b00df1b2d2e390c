import { array, optional } from '../../common/base/decode.js';
import { AppError } from '../../common/base/errors.js';
import { composePlace } from '../../common/model/compose/compose-container.js';
import type { ServiceId } from '../../common/model/ids.js';
import type { VolumeSpec } from '../../common/model/network.js';
import type { Service, ServiceSpec } from '../../common/model/service.js';
import type { Task } from '../../common/model/task.js';
import { isTerminal } from '../../common/model/task-state.js';
import { serviceSpec } from '../../common/protocol/object-decoders.js';
import { engineRestart, resources, volumeSpec } from '../../common/protocol/spec-decoders.js';
import type { StoreView, Transaction } from '../../store/store.js';
import { createVolume } from '../apply-project.js';
import { addService, completeSpec } from '../apply-service.js';
import { Args } from '../args.js';
import { releaseService } from '../release.js';
import { checkServiceRights, checkVolumeRights } from '../check-deployment.js';
import type { CallContext, ControlCalls } from '../context.js';
import { requireUpdateQuota } from '../quota.js';
import { setStopTimeout } from '../stop-timeout.js';
import { findTask, ownService } from './own-container.js';

/** Throws `conflict` with the Docker Engine's message. Containers not yet placed count. */
function requireFreeName(view: StoreView, name: string): void {
  const task = view.tasksOfContainerName(name).find(holdsName);
  const service = view
    .servicesOfContainerName(name)
    .find(({ spec }) => spec.task.container.origin !== undefined);
  if (task === undefined && service === undefined) return;
  const holder = task?.status.containerId ?? service?.id ?? '';
  throw new AppError(
    'conflict',
    `Conflict. The container name "/${name}" is already in use by container "${holder}". You have to remove (or rename) that container to be able to reuse that name.`,
  );
}

/** Whether a task's container exists or may come to exist. */
function holdsName({ desired, status }: Task): boolean {
  if (!isTerminal(status.state)) return true;
  return desired !== 'remove' && status.containerId !== undefined;
}

function create(
  tx: Transaction,
  newId: CallContext['newId'],
  { spec, volumes }: { readonly spec: ServiceSpec; readonly volumes: readonly VolumeSpec[] },
): ServiceId {
  const { labels, containerName = spec.service } = spec.task.container;
  requireFreeName(tx, containerName);
  const place = composePlace(labels);
  if (place !== undefined) releaseService(tx, newId, place);
  for (const { network } of spec.task.networks) {
    const known = tx.networkByName(network);
    if (known !== undefined && !known.removing) continue;
    throw new AppError('not-found', `network ${network} not found`);
  }
  for (const volume of volumes) {
    const known = tx.volumeByName(volume.name);
    if (known?.removing === true) {
      throw new AppError('conflict', `volume ${volume.name}: still being removed; retry`);
    }
    if (known === undefined) createVolume(tx, newId, volume);
  }
  const id = newId() as ServiceId;
  addService(tx, id, completeSpec(spec, tx));
  return id;
}

function remove(tx: Transaction, taskId: string, force: boolean): void {
  const task = findTask(tx, taskId);
  const { containerName, status } = task;
  if (!force && status.state === 'running') {
    const state = status.paused === true ? 'paused' : 'running';
    throw new AppError(
      'conflict',
      `cannot remove container "/${containerName}": container is ${state}: stop the container before removing or force remove`,
    );
  }
  const service = tx.get('services', task.serviceId);
  if (service !== undefined && force) setStopTimeout(tx, service, 0, ({ id }) => id === task.id);
  if (service?.spec.task.container.origin !== undefined) {
    removeService(tx, service);
    return;
  }
  const now = findTask(tx, taskId);
  if (now.desired !== 'remove') tx.put('tasks', { ...now, desired: 'remove' });
  if (service?.spec.halted === true && !hasOtherContainers(tx, now)) removeService(tx, service);
}

/**
 * Whether a stopped service has another container. Without one it is as gone as its containers:
 * this is how `docker compose down` ends.
 */
function hasOtherContainers(tx: StoreView, { id, serviceId }: Task): boolean {
  return tx
    .tasksOfService(serviceId)
    .some((other) => other.id !== id && other.desired !== 'remove' && holdsName(other));
}

function removeService(tx: Transaction, service: Service): void {
  if (!service.removing) tx.put('services', { ...service, removing: true });
}

/** Removes what a create has made that failed or was given up, with or without a task. */
function discard(tx: Transaction, id: string): void {
  const service = tx.get('services', id as ServiceId);
  if (service === undefined) return;
  if (service.spec.task.container.origin === undefined) {
    throw new AppError('unsupported', `service ${service.spec.name}: no client's container`);
  }
  setStopTimeout(tx, service, 0);
  removeService(tx, service);
}

function rename(tx: Transaction, taskId: string, name: string): void {
  const task = findTask(tx, taskId);
  const service = ownService(tx, task, 'rename');
  if (name === task.containerName) return;
  requireFreeName(tx, name);
  const { spec } = service;
  const container = { ...spec.task.container, containerName: name };
  const key = composePlace(container.labels)?.service ?? name;
  const named = { name: `${spec.project}_${name}`, service: key };
  tx.put('services', {
    ...service,
    spec: { ...spec, ...named, task: { ...spec.task, container } },
  });
  const swap = (alias: string): string => (alias === task.containerName ? name : alias);
  for (const each of tx.tasksOfService(service.id)) {
    const attachments = each.attachments.map((attachment) => ({
      ...attachment,
      aliases: attachment.aliases.map(swap),
    }));
    tx.put('tasks', { ...each, service: key, containerName: name, attachments });
  }
}

function update(tx: Transaction, args: Args): void {
  const task = findTask(tx, args.text('taskId'));
  const service = ownService(tx, task, 'change');
  const restart = args.field('restart', optional(engineRestart));
  const change = <Spec extends Task['spec']>(spec: Spec): Spec => ({
    ...spec,
    resources: args.field('resources', resources),
    container: { ...spec.container, engineRestart: restart ?? spec.container.engineRestart },
  });
  tx.put('services', { ...service, spec: { ...service.spec, task: change(service.spec.task) } });
  for (const each of tx.tasksOfService(service.id)) {
    const spec = change(each.spec);
    requireUpdateQuota(tx, each, spec);
    tx.put('tasks', { ...each, spec });
  }
}

/** Calls about single containers, which the Docker API needs. */
export const containerCalls: Pick<
  ControlCalls,
  | 'container.create'
  | 'container.discard'
  | 'container.remove'
  | 'container.release'
  | 'container.rename'
  | 'container.update'
> = {
  'container.create': ({ store, newId, access, clusterView }, value) => {
    const args = new Args('container.create', value);
    const spec = args.field('spec', serviceSpec);
    const volumes = args.field('volumes', array(volumeSpec));
    checkServiceRights(access, spec, clusterView);
    for (const volume of volumes) {
      checkVolumeRights(access, volume, clusterView, spec.project);
    }
    return store.update('control', (tx) => create(tx, newId, { spec, volumes }));
  },
  'container.discard': async ({ store }, value) => {
    const args = new Args('container.discard', value);
    await store.update('control', (tx) => {
      discard(tx, args.text('serviceId'));
    });
    return null;
  },
  'container.remove': async ({ store }, value) => {
    const args = new Args('container.remove', value);
    await store.update('control', (tx) => {
      remove(tx, args.text('taskId'), args.flag('force'));
    });
    return null;
  },
  'container.release': async ({ store, newId }, value) => {
    const args = new Args('container.release', value);
    await store.update('control', (tx) => {
      const task = findTask(tx, args.text('taskId'));
      if (task.spec.container.origin === undefined) releaseService(tx, newId, task, 'a client');
    });
    return null;
  },
  'container.rename': async ({ store }, value) => {
    const args = new Args('container.rename', value);
    await store.update('control', (tx) => {
      rename(tx, args.text('taskId'), args.text('name'));
    });
    return null;
  },
  'container.update': async ({ store }, value) => {
    const args = new Args('container.update', value);
    await store.update('control', (tx) => {
      update(tx, args);
    });
    return null;
  },
};
