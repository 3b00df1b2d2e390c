import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { containerProgressRows } from '../../project/container-rows.js';
import { isLiveTask, serviceNames, tasksOf, viewProject } from '../../project/selection.js';
import { withProgress } from '../../project/progress-output.js';

/** Pauses or unpauses running containers; sends no request for services already in that state. */
async function setPaused(cli: Cli, services: readonly string[], paused: boolean): Promise<void> {
  const view = await viewProject(cli, services);
  const tasks = tasksOf(view, services).filter(
    (task) => isLiveTask(task) && task.status.state === 'running',
  );
  const [working, done] = paused ? ['Pausing', 'Paused'] : ['Unpausing', 'Unpaused'];
  const wanted = serviceNames(view, services).filter((key) =>
    tasks.some(({ service, status }) => service === key && (status.paused === true) !== paused),
  );
  await withProgress(cli, async (progress) => {
    progress.show(working, containerProgressRows(view, tasks, working, 'working'));
    if (wanted.length > 0) {
      await view.client.call(
        'service.pause',
        { project: view.project, services: wanted, paused },
        { signal: cli.interrupts.signal },
      );
    }
    progress.show(working, containerProgressRows(view, tasks, done, 'done'));
  });
}

export function pauseCommand(cli: Cli): Command {
  return new Command('pause')
    .description('Pause services by freezing their processes')
    .argument('[services...]')
    .action((services: string[]) => setPaused(cli, services, true));
}

export function unpauseCommand(cli: Cli): Command {
  return new Command('unpause')
    .description('Unpause services')
    .argument('[services...]')
    .action((services: string[]) => setPaused(cli, services, false));
}
