import type { Labels } from './meta.js';
import type { Task } from './task.js';

/** Labels that mark the cluster's own objects on an engine. */
export const clusterLabel = 'io.shoal.cluster';
export const taskLabel = 'io.shoal.task';
export const networkLabel = 'io.shoal.network';
export const serviceLabel = 'io.shoal.service';
export const slotLabel = 'io.shoal.slot';
/**
 * Names of anonymous volumes that another container had first, separated by commas: passed on by
 * the slot's previous container, or shared by `volumes_from`. The engine takes them for named
 * volumes and does not remove them with the container.
 */
export const borrowedLabel = 'io.shoal.borrowed';
/** Path of an anonymous volume in its container; a label of the volume. */
export const volumeTargetLabel = 'io.shoal.volume-target';
/** `ContainerSpec.volumesRenewedAt`; absent if undefined. A label of containers and volumes. */
export const volumesRenewedLabel = 'io.shoal.volumes-renewed';

export interface ContainerOwner {
  readonly clusterId: string;
  readonly nodeId: string;
}

/**
 * Labels of a task's container: the service's labels, docker compose's labels and the cluster's
 * own. The last take precedence.
 */
export function containerLabels(
  task: Pick<
    Task,
    'id' | 'project' | 'service' | 'serviceId' | 'slot' | 'spec' | 'configHash' | 'taskHash'
  >,
  owner: ContainerOwner,
  imageId: string,
  borrowed: readonly string[] = [],
): Labels {
  const { imageDigest, volumesRenewedAt } = task.spec.container;
  return {
    ...descriptionLabels(task, imageId),
    [clusterLabel]: owner.clusterId,
    'io.shoal.node': owner.nodeId,
    [taskLabel]: task.id,
    [serviceLabel]: task.serviceId,
    [slotLabel]: String(task.slot),
    'io.shoal.task-hash': task.taskHash,
    ...(imageDigest === undefined ? {} : { 'io.shoal.image-digest': imageDigest }),
    ...(borrowed.length === 0 ? {} : { [borrowedLabel]: borrowed.join(',') }),
    ...(volumesRenewedAt === undefined ? {} : { [volumesRenewedLabel]: String(volumesRenewedAt) }),
  };
}

/** The service's and docker compose's labels; a client's container has only those of its client. */
export function descriptionLabels(
  task: Pick<Task, 'project' | 'service' | 'slot' | 'spec' | 'configHash'>,
  imageId: string,
): Labels {
  const { origin, labels } = task.spec.container;
  if (origin !== undefined) return labels;
  return {
    'com.docker.compose.project': task.project,
    'com.docker.compose.service': task.service,
    'com.docker.compose.oneoff': 'False',
    ...labels,
    'com.docker.compose.container-number': String(task.slot),
    'com.docker.compose.config-hash': task.configHash,
    'com.docker.compose.image': imageId,
  };
}
