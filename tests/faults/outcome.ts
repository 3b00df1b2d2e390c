import type { Outage } from './outages.js';
import type { ClusterKind } from './options.js';

/** The result of a case. */
export interface Outcome {
  readonly cluster: ClusterKind;
  readonly name: string;
  readonly result: 'ok' | 'FAILED' | 'skipped';
  /** The failure, or the reason why the case was skipped. */
  readonly why?: string;
  readonly measured?: Measured;
}

export interface Measured {
  /** Machines that were hit. */
  readonly where: string;
  /** Delay of the fault after the start of the user's command. */
  readonly momentMs: number;
  /** From the end of the fault until everything was as wanted. */
  readonly rightS: number;
  /**
   * As seen by probes on machines that were not hit, since the start of the fault; undefined if all
   * were hit.
   */
  readonly names: Outage | undefined;
  readonly packets: Outage | undefined;
  readonly changes: Outage;
  readonly acknowledged: number;
}

/** A run of the fault matrix. */
export interface Report {
  /** Date, `2026-11-21`. */
  readonly date: string;
  readonly seed: number;
  /** Versions of engine, kernel and Node. */
  readonly versions: string;
  readonly outcomes: readonly Outcome[];
}
