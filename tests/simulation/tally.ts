/** Events of a simulated cluster other than user actions. */
export const eventKinds = [
  'machine lost power',
  'machine was cut off',
  'connection was reset',
  'worker died',
  'engine died',
  'engine died with its containers',
  'container crashed',
  'engine restarted a container',
  'container was slow to stop',
  'image could not be pulled',
  'health check failed',
  'message stalled',
  'message was lost',
  'message was repeated',
  'report came late',
  'manager restarted',
  'manager crashed',
  'manager was cut off from consul',
  'leader changed',
  'consul lost its leader',
  'session expired',
  'check-and-set was refused',
  'request stalled',
  'request was lost',
  'request was done, its answer lost',
  'request was done after its sender gave up',
  'disk was slow',
  'disk failed',
  'update was rolled back automatically',
  'update was paused',
] as const;
export type EventKind = (typeof eventKinds)[number];

/** User actions. */
export const userActionKinds = [
  'service created',
  'pod created',
  'job created',
  'service that depends on others created',
  'service with a volume created',
  'scaled',
  'updated',
  'updated to an image that fails',
  'recreated',
  'rolled',
  'rolled back',
  'stopped',
  'started',
  'service removed',
  'project removed',
  'volume removed',
  'node drained',
  'node paused',
  'node removed',
] as const;
export type UserActionKind = (typeof userActionKinds)[number];

/** User actions with anonymous volumes, in the seeds that have them. */
export const volumeActionKinds = [
  'service with an anonymous volume created',
  'volumes renewed',
] as const;
type ActionKind = UserActionKind | (typeof volumeActionKinds)[number];

/** Counts how often each event occurred. */
export class Tally {
  readonly #counts = new Map<EventKind | ActionKind, number>();

  record(kind: EventKind | ActionKind): void {
    this.#counts.set(kind, this.countOf(kind) + 1);
  }

  countOf(kind: EventKind | ActionKind): number {
    return this.#counts.get(kind) ?? 0;
  }

  add(other: Tally): void {
    for (const [kind, count] of other.#counts) this.#counts.set(kind, this.countOf(kind) + count);
  }
}
