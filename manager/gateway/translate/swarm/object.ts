import type { Labels, Meta } from '../../../common/model/meta.js';
import type { Service } from '../../../common/model/service.js';
import { isOneOff } from '../../../common/model/compose/one-off.js';

/** Label with the stack's name, on each of its services, networks, secrets and configs. */
export const stackLabel = 'com.docker.stack.namespace';
/**
 * Project of services that `docker service create` made without a stack: their name is the service's
 * own.
 */
export const noStackProject = 'swarm';

/** Fields that every object of the swarm mode API has. */
export function objectFields({
  id,
  version,
  createdAt,
  updatedAt,
}: Meta & { readonly id: string }): object {
  return {
    ID: id,
    Version: { Index: version },
    CreatedAt: new Date(createdAt).toISOString(),
    UpdatedAt: new Date(updatedAt).toISOString(),
  };
}

/** Labels of an object with the label of its stack: a project is a stack. */
export function withStack(project: string, labels: Labels): Labels {
  if (project === '' || project === noStackProject) return labels;
  return { ...labels, [stackLabel]: project };
}

/** Labels without the label that the project stands for. */
export function withoutStack(project: string, labels: Labels): Labels {
  if (labels[stackLabel] !== project) return labels;
  const { [stackLabel]: _stack, ...rest } = labels;
  return rest;
}

/** Whether the swarm mode API shows the service: containers of clients and one-off ones are not. */
export function isSwarmService(service: Service): boolean {
  return service.spec.task.container.origin === undefined && !isOneOff(service);
}

/** The object without absent values, empty lists and empty objects, as Go's `omitempty`. */
export function compact(
  record: Readonly<Record<string, unknown>>,
): Readonly<Record<string, unknown>> {
  return Object.fromEntries(Object.entries(record).filter(([, value]) => !isEmpty(value)));
}

function isEmpty(value: unknown): boolean {
  if (value === undefined || value === '' || value === false) return true;
  if (typeof value !== 'object' || value === null) return false;
  return Object.keys(value).length === 0;
}
