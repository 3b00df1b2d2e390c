import type { ProgressRow } from '../../output/progress.js';

/** Result of evaluating a watched state for a command that waits. */
export interface WaitStatus {
  readonly rows: readonly ProgressRow[];
  readonly done: boolean;
  /** Reason in one line why the goal is unreachable; fails the command at once. */
  readonly failure?: string;
  /** Reasons why progress has stopped; the command fails if they persist. */
  readonly stuck: readonly string[];
}
