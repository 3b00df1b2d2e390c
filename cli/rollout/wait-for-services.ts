import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { WatchedState } from '../client/watched.js';
import type { ProgressWriter } from '../output/progress.js';
import { warn } from '../project/progress-output.js';
import { followProject } from './follow/follow.js';
import { evaluateUp, type UpTarget } from './follow/up-state.js';
import { failedTasks, showLogTail } from './log-tail.js';

export interface ServiceWait extends UpTarget {
  readonly client: ControlClient;
  /** `--wait-timeout`. */
  readonly timeoutMs?: number | undefined;
}

/**
 * Waits until the services reach `until` and shows the progress of each container. On failure
 * prints the last log lines of failed containers, then throws.
 */
export async function waitForServices(
  cli: Cli,
  progress: ProgressWriter,
  wanted: ServiceWait,
): Promise<WatchedState> {
  const seconds = Math.round((wanted.timeoutMs ?? 0) / 1000);
  let seen: WatchedState | undefined;
  try {
    return await followProject({
      client: wanted.client,
      project: wanted.project,
      progress,
      title: 'Running',
      evaluate: (state) => {
        seen = state;
        return evaluateUp(wanted, state);
      },
      signal: cli.interrupts.signal,
      now: cli.now,
      timeoutMs: wanted.timeoutMs,
      timeoutMessage: `application not healthy after ${seconds}s`,
    });
  } catch (error) {
    progress.end();
    if (seen !== undefined && !cli.interrupts.signal.aborted) {
      warnSilentNodes(cli, seen);
      await showLogTail(cli, wanted, failedTasks(wanted, seen));
    }
    throw error;
  }
}

/** Names the nodes whose engine does not answer: nothing on them makes progress. */
function warnSilentNodes(cli: Cli, { nodes }: WatchedState): void {
  for (const { spec, status } of nodes.values()) {
    if (status.engine === 'silent') warn(cli, `node ${spec.name}: ${status.message}`);
  }
}
