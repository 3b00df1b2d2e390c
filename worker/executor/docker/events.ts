import {
  dictionary,
  mapped,
  number,
  object,
  optionalOrNull,
  string,
  type Decoder,
} from '../../../manager/common/base/decode.js';

/** A container event of the engine's event stream, limited to the fields used here. */
export interface ContainerEvent {
  readonly containerId: string;
  /** `start`, `die`, `health_status: healthy`, … */
  readonly action: string;
  /** ms since the epoch, rounded from the engine's nanoseconds. */
  readonly atMs: number;
  readonly attributes: Readonly<Record<string, string>>;
}

interface RawEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly timeNano?: number;
  readonly time?: number;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Readonly<Record<string, string>> };
}

const rawEvent = object<RawEvent>({
  Type: optionalOrNull(string),
  Action: optionalOrNull(string),
  timeNano: optionalOrNull(number),
  time: optionalOrNull(number),
  Actor: optionalOrNull(
    object<NonNullable<RawEvent['Actor']>>({
      ID: optionalOrNull(string),
      Attributes: optionalOrNull(dictionary(string)),
    }),
  ),
});

/** Decodes an event; undefined for events of other object types. */
export const containerEvent: Decoder<ContainerEvent | undefined> = mapped(rawEvent, (event) => {
  const containerId = event.Actor?.ID;
  if (event.Type !== 'container' || containerId === undefined || event.Action === undefined) {
    return undefined;
  }
  const atMs = event.timeNano === undefined ? (event.time ?? 0) * 1000 : event.timeNano / 1_000_000;
  return {
    containerId,
    action: event.Action,
    atMs: Math.round(atMs),
    attributes: event.Actor?.Attributes ?? {},
  };
});

/** Subscribed event types. An unfiltered stream would add three events per health check. */
export const watchedEvents: readonly string[] = [
  'start',
  'die',
  'destroy',
  'pause',
  'unpause',
  'rename',
  'health_status',
];

/**
 * The effect of an event. `look` requires an inspection, as only that shows what the engine does
 * next.
 */
export type EventEffect =
  | { readonly kind: 'look' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'health'; readonly health: 'healthy' | 'unhealthy' }
  | { readonly kind: 'started' }
  | { readonly kind: 'ignore' };

export function classifyEvent(action: string): EventEffect {
  if (action.startsWith('health_status')) {
    if (action.endsWith(': healthy')) return { kind: 'health', health: 'healthy' };
    if (action.endsWith(': unhealthy')) return { kind: 'health', health: 'unhealthy' };
    return { kind: 'look' };
  }
  switch (action) {
    case 'destroy':
      return { kind: 'gone' };
    case 'start':
      return { kind: 'started' };
    case 'die':
    case 'pause':
    case 'unpause':
    case 'rename':
      return { kind: 'look' };
    default:
      return { kind: 'ignore' };
  }
}
