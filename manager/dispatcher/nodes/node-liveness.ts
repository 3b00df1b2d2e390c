/** Observed liveness of a node: heartbeats and probes. */
export interface NodeLiveness {
  /** Whether the node has a session. */
  readonly connected: boolean;
  /** Time of the worker's last message, or of the start of monitoring; ms. */
  readonly heardAt: number;
  /** Time of the first missed deadline, ms; undefined while heartbeats arrive. */
  readonly missedAt: number | undefined;
  /**
   * Second opinion: result of the TCP probe of the machine. `askedAt`: time of the last probe, ms.
   */
  readonly machine: 'unasked' | 'asking' | 'alive' | 'gone';
  readonly probedAt: number;
}

export interface LivenessTiming {
  /** Heartbeat deadline: silence after which a node is missed, ms. */
  readonly deadlineMs: number;
  /** Grace for a worker to return while its machine answers (restart, upgrade), ms. */
  readonly workerGraceMs: number;
  /** Interval between probes, ms. */
  readonly probeIntervalMs: number;
  /** Silence of a connected node's engine after which its tasks are replaced, ms. */
  readonly engineGraceMs: number;
}

export const defaultLivenessTiming: LivenessTiming = {
  deadlineMs: 3_000,
  // Containers keep serving meanwhile; an upgrade of the worker can take long on a slow machine.
  workerGraceMs: 45_000,
  probeIntervalMs: 1_000,
  engineGraceMs: 60_000,
};

export type LivenessAction =
  /** Evaluate again at `until`, ms. */
  | { readonly kind: 'wait'; readonly until: number }
  /** Probe the machine now. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'down'; readonly message: string };

/** Decides the next step for a node. Pure; a new message or session resets `signs` elsewhere. */
export function evaluateLiveness(
  signs: NodeLiveness,
  now: number,
  timing: LivenessTiming,
): LivenessAction {
  const silentAt = signs.heardAt + timing.deadlineMs;
  if (signs.missedAt === undefined) {
    if (now < silentAt) return { kind: 'wait', until: silentAt };
    return { kind: 'ask' };
  }
  switch (signs.machine) {
    case 'unasked':
      return { kind: 'ask' };
    case 'asking':
      return { kind: 'wait', until: now + timing.probeIntervalMs };
    case 'gone':
      return { kind: 'down', message: 'machine does not answer' };
    case 'alive': {
      const downAt = signs.missedAt + timing.workerGraceMs;
      if (now >= downAt) {
        const seconds = Math.round((now - signs.missedAt) / 1000);
        return {
          kind: 'down',
          message: `machine answers, but its worker has been away for ${seconds} s`,
        };
      }
      const askAt = signs.probedAt + timing.probeIntervalMs;
      return now >= askAt ? { kind: 'ask' } : { kind: 'wait', until: Math.min(askAt, downAt) };
    }
  }
}
