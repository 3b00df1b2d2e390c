import type { AppliedChange } from '../../manager/common/protocol/control.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { Watched } from '../client/watched.js';
import type { Progress } from '../output/progress.js';
import { follow } from './follow/follow.js';
import { judgeUp } from './follow/up-state.js';
import { failedTasks, showLastLines } from './last-lines.js';

export interface FollowUp {
  readonly client: ControlClient;
  readonly project: string;
  readonly services: readonly string[];
  readonly until: 'created' | 'started' | 'healthy';
  readonly changes: readonly AppliedChange[];
  readonly before: Watched;
  /** True for a rollback to the previous spec. */
  readonly back?: boolean;
  /** `--wait-timeout`. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Waits until the services reach `until` and shows the progress of each container. On failure
 * prints the last log lines of failed containers, then throws.
 */
export async function followUp(cli: Cli, progress: Progress, wanted: FollowUp): Promise<Watched> {
  const seconds = Math.round((wanted.timeoutMs ?? 0) / 1000);
  let seen: Watched | undefined;
  try {
    return await follow({
      client: wanted.client,
      project: wanted.project,
      progress,
      title: 'Running',
      judge: (state) => {
        seen = state;
        return judgeUp(wanted, state);
      },
      signal: cli.interrupts.signal,
      now: cli.now,
      timeoutMs: wanted.timeoutMs,
      timeoutMessage: `application not healthy after ${seconds}s`,
    });
  } catch (error) {
    progress.end();
    if (seen !== undefined && !cli.interrupts.signal.aborted) {
      await showLastLines(cli, wanted, failedTasks(wanted, seen));
    }
    throw error;
  }
}
