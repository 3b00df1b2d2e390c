import { Command } from 'commander';
import type { Cli } from '../../cli.js';
import { table } from '../../output/table.js';
import { isLiveTask, tasksOf, viewProject } from '../../project/selection.js';

export function topCommand(cli: Cli): Command {
  return new Command('top')
    .description('Display the running processes of every container')
    .argument('[services...]')
    .action(async (services: string[]) => {
      const view = await viewProject(cli, services);
      const tasks = tasksOf(view, services).filter(
        (task) => isLiveTask(task) && task.status.state === 'running',
      );
      const { signal } = cli.interrupts;
      const tops = await Promise.all(
        tasks.map((task) =>
          view.client.call(
            'task.top',
            { project: view.project, service: task.service, index: task.slot, psArgs: '-ef' },
            { signal },
          ),
        ),
      );
      const titles = tops[0]?.titles ?? [];
      const rows = tops.flatMap(({ processes }, at) => {
        const task = tasks[at];
        return processes.map((process) => [
          task?.service ?? '',
          String(task?.slot ?? ''),
          ...process,
        ]);
      });
      cli.stdout.write(table(['SERVICE', '#', ...titles], rows));
    });
}
