/** What is known of a node's being there, between two looks. */
export interface NodeSigns {
  /** It has a session. */
  readonly connected: boolean;
  /** Last message of its worker, or when watching it began; ms. */
  readonly heardAt: number;
  /** When it was first missed, ms; undefined while all is well. */
  readonly missedAt: number | undefined;
  /** The second opinion: does the machine itself answer? `askedAt` is when it was last asked, ms. */
  readonly machine: 'unasked' | 'asking' | 'alive' | 'gone';
  readonly askedAt: number;
}

export interface StatusTiming {
  /** Silence after which a connected node is missed, ms. */
  readonly deadlineMs: number;
  /** How long a worker may be away while its machine answers: a restart, an upgrade. */
  readonly workerAwayMs: number;
  /** Pause between two second opinions. */
  readonly askAgainMs: number;
}

export const defaultTiming: StatusTiming = {
  deadlineMs: 3_000,
  // Its containers run and answer meanwhile; a slow machine takes its time over an upgrade of the program.
  workerAwayMs: 45_000,
  askAgainMs: 1_000,
};

export type StatusStep =
  /** Nothing to do before `until`, ms. */
  | { readonly kind: 'wait'; readonly until: number }
  /** Get a second opinion now. */
  | { readonly kind: 'ask' }
  | { readonly kind: 'down'; readonly message: string };

/** What to do about a node now. Being heard of again is an event of its own and resets the signs. */
export function judgeNode(signs: NodeSigns, now: number, timing: StatusTiming): StatusStep {
  const silentAt = signs.heardAt + timing.deadlineMs;
  if (signs.missedAt === undefined) {
    if (now < silentAt) return { kind: 'wait', until: silentAt };
    return { kind: 'ask' };
  }
  switch (signs.machine) {
    case 'unasked':
      return { kind: 'ask' };
    case 'asking':
      return { kind: 'wait', until: now + timing.askAgainMs };
    case 'gone':
      return { kind: 'down', message: 'machine does not answer' };
    case 'alive': {
      const downAt = signs.missedAt + timing.workerAwayMs;
      if (now >= downAt) {
        const seconds = Math.round((now - signs.missedAt) / 1000);
        return {
          kind: 'down',
          message: `machine answers, but its worker has been away for ${seconds} s`,
        };
      }
      const askAt = signs.askedAt + timing.askAgainMs;
      return now >= askAt ? { kind: 'ask' } : { kind: 'wait', until: Math.min(askAt, downAt) };
    }
  }
}
