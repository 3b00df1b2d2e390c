/** A campaign as its target sees it. */
export interface Campaign {
  /** Returns a number in [0, 1); the same sequence for the same seed. */
  readonly random: () => number;
  readonly isOver: () => boolean;
  /** Counts an input and keeps it for the report of a crash. */
  readonly record: (input: Uint8Array) => void;
  /** Counts a response. */
  readonly answered: () => void;
}

/** Code under attack. It runs with its attacker in a process of its own. */
export interface FuzzTarget {
  /** Starts the code and sends it inputs until the campaign is over; yields between inputs. */
  run(campaign: Campaign): Promise<void>;
}

/** Figures of a running campaign. */
export interface Figures {
  readonly inputs: number;
  readonly answers: number;
  /** Longest time for which the event loop was busy, ms; time without the CPU does not count. */
  readonly busyMs: number;
  /** Longest delay of a timer, ms. */
  readonly delayMs: number;
  /** Live heap and buffers after a garbage collection, bytes. */
  readonly heapBytes: number;
  /** Resident memory, bytes. */
  readonly memoryBytes: number;
}

/** Sent by the process of a campaign to its supervisor. */
export type FuzzMessage =
  | { readonly kind: 'figures'; readonly figures: Figures }
  /** The error, and the last inputs in hexadecimal. */
  | { readonly kind: 'crash'; readonly error: string; readonly inputs: readonly string[] }
  | { readonly kind: 'over' };
