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
  /** Seconds since the epoch. */
  readonly time: number;
  readonly status?: string;
  readonly id?: string;
  readonly from?: string;
}

/**
 * Time of an event in nanoseconds since the epoch. The number of the event fills the digits below a
 * millisecond, so that a client can resume after the last event that it has seen.
 */
export function nanosOf({ at, number }: Pick<ClusterEvent, 'at' | 'number'>): bigint {
  return BigInt(Math.round(at)) * 1_000_000n + BigInt(number % 1_000_000);
}

/** JSON of a message; its time needs more digits than a number has. */
export function messageText(message: EventMessage, nanos: bigint): string {
  return `${JSON.stringify(message).slice(0, -1)},"timeNano":${String(nanos)}}\n`;
}

/** Converts an event; `labels` are those of its container. */
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
  };
}

/** Actions with details after a colon; a filter without the colon matches all of them. */
const detailedActions = ['health_status', 'exec_create', 'exec_start'];
/** Filters by type of object; their values are beginnings of its ID or name. */
const objectFilters = [
  ...['container', 'plugin', 'volume', 'network', 'daemon', 'service', 'secret', 'config'],
];

/** True if the message passes every filter. As on the Docker Engine, unknown filters are ignored. */
export function matchesEvent(message: EventMessage, filters: QueryFilters): boolean {
  const { Type: type, Action: action, Actor: actor } = message;
  const { Attributes: attributes, ID: id } = actor;
  const { name = '' } = attributes;
  const isThis = (of: string) => (value: string) =>
    type === of && (id.startsWith(value) || name.startsWith(value));
  const actions = filters.get('event') ?? [];
  const isPrefix = actions.some((each) => detailedActions.includes(each));
  return (
    matchesFilter(filters, 'type', (value) => type === value) &&
    matchesFilter(filters, 'event', (value) =>
      isPrefix ? action.startsWith(value) : action === value,
    ) &&
    matchesFilter(filters, 'scope', (value) => message.scope === value) &&
    objectFilters.every((key) => matchesFilter(filters, key, isThis(key))) &&
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
