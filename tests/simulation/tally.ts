/** What can happen to a simulated cluster besides what its users want. */
export const happenings = [
  'machine lost power',
  'machine was cut off',
  'connection was reset',
  'worker died',
  'engine died',
  'engine died with its containers',
  'container crashed',
  'engine started a container again',
  'container was slow to stop',
  'image could not be had',
  'health check failed',
  'message stalled',
  'message was lost',
  'message was repeated',
  'report came late',
  'manager restarted',
  'manager crashed',
  'manager was cut off from consul',
  'another manager leads',
  'consul lost its leader',
  'session expired',
  'check-and-set was refused',
  'request stalled',
  'request was lost',
  'request was done, its answer lost',
  'request was done after its sender gave up',
  'disk was slow',
  'disk failed',
  'update went back by itself',
  'update was paused',
] as const;
export type Happening = (typeof happenings)[number];

/** What users did. */
export const userActs = [
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
export type UserAct = (typeof userActs)[number];

/** How often each thing came about. */
export class Tally {
  readonly #counts = new Map<Happening | UserAct, number>();

  note(what: Happening | UserAct): void {
    this.#counts.set(what, this.of(what) + 1);
  }

  of(what: Happening | UserAct): number {
    return this.#counts.get(what) ?? 0;
  }

  add(other: Tally): void {
    for (const [what, count] of other.#counts) this.#counts.set(what, this.of(what) + count);
  }
}
