/** One question of a probe; `at` in seconds since the host started, the same on all its lab machines. */
export interface Asked {
  readonly at: number;
  readonly answered: boolean;
}

/** How long and how often something was away. */
export interface Away {
  readonly longestS: number;
  readonly failed: number;
  readonly asked: number;
}

/** The longest time between two answers among `from` and `to`, where both ends count as answers. */
export function awayIn(asked: readonly Asked[], from: number, to: number): Away {
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

/** The worst time of several, and all their questions. */
export function worstOf(all: readonly Away[]): Away {
  return {
    longestS: Math.max(0, ...all.map(({ longestS }) => longestS)),
    failed: all.reduce((sum, { failed }) => sum + failed, 0),
    asked: all.reduce((sum, { asked }) => sum + asked, 0),
  };
}
