import type { Cli } from '../cli.js';
import { followProject } from './follow/follow.js';
import { evaluateStopped } from './follow/stop-state.js';
import { serviceNames, tasksOf } from '../project/selection.js';
import type { ProjectView } from '../project/selection.js';
import { withProgress } from '../project/progress-output.js';
import { isTerminal } from '../../manager/common/model/task-state.js';

/**
 * Stops services and waits until their containers have ended; `grace` is the stop timeout in ms.
 */
export async function stopServices(
  cli: Cli,
  view: ProjectView,
  services: readonly string[],
  grace: number | undefined,
): Promise<void> {
  const { client, project } = view;
  const running = tasksOf(view, services).filter(({ status }) => !isTerminal(status.state));
  const timeout = grace === undefined ? {} : { timeoutMs: grace };
  await client.call(
    'service.halt',
    { project, services: serviceNames(view, services), halted: true, ...timeout },
    { signal: cli.interrupts.signal },
  );
  if (running.length === 0) return;
  await withProgress(cli, (progress) =>
    followProject({
      client,
      project,
      progress,
      title: 'Stopping',
      evaluate: (state) =>
        evaluateStopped(running, { working: 'Stopping', done: 'Stopped' }, state),
      signal: cli.interrupts.signal,
      now: cli.now,
      idleMs: 180_000 + (grace ?? 0),
    }),
  );
}
