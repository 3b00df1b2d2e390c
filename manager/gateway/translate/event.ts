import type { Labels } from '../../common/model/meta.js';
import type { ClusterEvent } from '../../common/protocol/control.js';
import type { QueryFilters } from '../filters.js';
import { matchesFilter, hasLabels } from '../filters.js';
import { parseImage } from './image-name.js';

/** A message of `GET /events`. */
export interface EventMessage {
  readonly Type: string;
  readonly Action: string;
  readonly Actor: { readonly ID: string; readonly Attributes: Labels };
  readonly scope: 'local' | 'swarm';
  /** Seconds, and nanoseconds, since the epoch. */
  readonly time: number;
  readonly timeNano: number;
  readonly status?: string;
  readonly id?: string;
  readonly from?: string;
}

export const eventFilters = [
  ...['container', 'event', 'image', 'label', 'network', 'node', 'scope', 'service', 'type'],
  'volume',
];

/** Converts an event; `labels` are the container's labels if it still exists. */
export function toMessage(event: ClusterEvent, labels: Labels): EventMessage {
  const { type, action, at, attributes } = event;
  const node = attributes.node ?? '';
  const actor = {
    // On the Docker Engine a volume's ID is its name.
    ID: type === 'volume' ? event.name : event.id,
    Attributes: { ...labels, ...attributes, ...(node === '' ? {} : { 'node.name': node }) },
  };
  return {
    ...(type === 'container' ? { status: action, id: event.id, from: attributes.image ?? '' } : {}),
    Type: type,
    Action: action,
    Actor: actor,
    scope: type === 'container' ? 'local' : 'swarm',
    time: Math.floor(at / 1000),
    timeNano: at * 1e6,
  };
}

export function matchesEvent(message: EventMessage, filters: QueryFilters): boolean {
  const { Type: type, Action: action, Actor: actor } = message;
  const { Attributes: attributes, ID: id } = actor;
  const isThis = (of: string) => (value: string) =>
    type === of && (id === value || id.startsWith(value) || attributes.name === value);
  return (
    matchesFilter(filters, 'type', (value) => type === value) &&
    matchesFilter(
      filters,
      'event',
      (value) => action === value || action.startsWith(`${value}:`),
    ) &&
    matchesFilter(filters, 'scope', (value) => message.scope === value) &&
    matchesFilter(filters, 'container', isThis('container')) &&
    matchesFilter(filters, 'network', isThis('network')) &&
    matchesFilter(filters, 'volume', isThis('volume')) &&
    matchesFilter(filters, 'service', isThis('service')) &&
    matchesFilter(
      filters,
      'node',
      (value) => isThis('node')(value) || attributes['node.name'] === value,
    ) &&
    matchesFilter(filters, 'image', (value) => isOfImage(attributes.image ?? '', value)) &&
    hasLabels(filters, attributes)
  );
}

function isOfImage(image: string, wanted: string): boolean {
  return image === wanted || (image !== '' && parseImage(image).name === wanted);
}
