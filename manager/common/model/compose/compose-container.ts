import type { Labels } from '../meta.js';
import { oneOffLabel } from './one-off.js';
import type { Service, ServiceSpec } from '../service.js';

/** Place of a container in a Compose project, from the labels that docker compose gives it. */
export interface ComposePlace {
  readonly project: string;
  /** Compose key of its service. */
  readonly service: string;
  /** Number of the container in its service, from 1. */
  readonly number: number;
  /** Hash of the service's configuration; empty if the label is absent. */
  readonly configHash: string;
}

const maxNumber = 10_000;

/** The place that the labels name; undefined for one-off containers and those of other clients. */
export function composePlace(labels: Labels): ComposePlace | undefined {
  const label = (name: string): string => labels[`com.docker.compose.${name}`] ?? '';
  const [project, service] = [label('project'), label('service')];
  const number = Number(label('container-number'));
  const isSlot = Number.isInteger(number) && number >= 1 && number <= maxNumber;
  if (project === '' || service === '' || !isSlot || labels[oneOffLabel] === 'True') {
    return undefined;
  }
  return { project, service, number, configHash: label('config-hash') };
}

/** Whether a client created the service's only container through the Docker API. */
export function isClientContainer({ spec }: Pick<Service, 'spec'>): boolean {
  return spec.task.container.origin !== undefined;
}

/** Slot of a client's container: its number in its Compose service, or else 1. */
export function clientSlot({ task }: Pick<ServiceSpec, 'task'>): number {
  return composePlace(task.container.labels)?.number ?? 1;
}
