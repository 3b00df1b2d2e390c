/** One message of the engine's event stream, as far as it is read here. */
export interface ContainerEvent {
  readonly containerId: string;
  /** `start`, `die`, `health_status: healthy`, … */
  readonly action: string;
  /** ns since the epoch, as far as a double holds it. */
  readonly atMs: number;
  readonly attributes: Readonly<Record<string, string>>;
}

interface RawEvent {
  readonly Type?: string;
  readonly Action?: string;
  readonly timeNano?: number;
  readonly time?: number;
  readonly Actor?: { readonly ID?: string; readonly Attributes?: Record<string, string> };
}

/** Cuts a stream of JSON objects, one per line, whatever the chunks. */
export class JsonLines {
  #rest = '';
  readonly #decoder = new TextDecoder();

  push(chunk: Uint8Array): unknown[] {
    const lines = (this.#rest + this.#decoder.decode(chunk, { stream: true })).split('\n');
    this.#rest = lines.pop() ?? '';
    return lines.filter((line) => line.trim() !== '').map((line) => JSON.parse(line) as unknown);
  }
}

/** Undefined for an event of something else than a container. */
export function toContainerEvent(raw: unknown): ContainerEvent | undefined {
  const event = raw as RawEvent;
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
}

/** Asked for by name: each turn of a health check would bring three more. */
export const heardEvents: readonly string[] = [
  'start',
  'die',
  'destroy',
  'pause',
  'unpause',
  'rename',
  'health_status',
];

/** What an event asks for: `look` is an inspection, since only that tells what the engine does next. */
export type EventMeaning =
  | { readonly kind: 'look' }
  | { readonly kind: 'gone' }
  | { readonly kind: 'health'; readonly health: 'healthy' | 'unhealthy' }
  | { readonly kind: 'started' }
  | { readonly kind: 'ignore' };

export function meaningOf(action: string): EventMeaning {
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
