/**
 * One request of a probe; `at` in seconds since the host booted, the same on all its lab machines.
 */
export interface ProbeSample {
  readonly at: number;
  readonly answered: boolean;
}

/** The longest outage of something, and its failed requests. */
export interface Outage {
  readonly longestS: number;
  readonly failed: number;
  readonly asked: number;
}

/** The longest time between two answers from `from` to `to`; both ends count as answers. */
export function outageIn(asked: readonly ProbeSample[], from: number, to: number): Outage {
  const inside = asked.filter(({ at }) => at >= from && at <= to);
  let last = from;
  let longestS = 0;
  for (const { at, answered } of inside) {
    if (!answered) continue;
    longestS = Math.max(longestS, at - last);
    last = at;
  }
  return {
    longestS: Math.max(longestS, to - last),
    failed: inside.filter(({ answered }) => !answered).length,
    asked: inside.length,
  };
}

/** The longest of several outages, with the requests of all. */
export function worstOutage(all: readonly Outage[]): Outage {
  return {
    longestS: Math.max(0, ...all.map(({ longestS }) => longestS)),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    asked: all.reduce((sum, { asked }) => sum + asked, 0),
  };
}
