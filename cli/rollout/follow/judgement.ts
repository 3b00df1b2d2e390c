import type { ProgressRow } from '../../output/progress.js';

/** What a watched state means for a command that waits. */
export interface Judgement {
  readonly rows: readonly ProgressRow[];
  readonly done: boolean;
  /** It will not be reached: one line that says why. */
  readonly failure?: string;
  /** Why nothing more will happen unless something changes; fails the command when it stays so. */
  readonly stuck: readonly string[];
}
