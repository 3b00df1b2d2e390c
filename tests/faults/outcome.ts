import type { Away } from './gaps.js';
import type { ClusterKind } from './options.js';

/** How a case ended. */
export interface Outcome {
  readonly cluster: ClusterKind;
  readonly name: string;
  readonly result: 'ok' | 'FAILED' | 'skipped';
  /** What was wrong, or why it was not tried. */
  readonly why?: string;
  readonly measured?: Measured;
}

export interface Measured {
  /** Machines that were struck. */
  readonly where: string;
  /** How long the user's command was under way when it struck. */
  readonly momentMs: number;
  /** From the fault's end until everything was as wanted. */
  readonly rightS: number;
  /** As probes on machines that were not struck saw it, from the fault's beginning; none where all were. */
  readonly names: Away | undefined;
  readonly packets: Away | undefined;
  readonly changes: Away;
  readonly acknowledged: number;
}

/** One run of the matrix. */
export interface Report {
  /** Day, `2026-11-21`. */
  readonly date: string;
  readonly seed: number;
  /** What it ran on, in words. */
  readonly versions: string;
  readonly outcomes: readonly Outcome[];
}
