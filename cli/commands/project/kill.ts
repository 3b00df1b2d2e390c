import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { containerProgressRows } from '../../project/container-rows.js';
import { isLiveTask, serviceNames, tasksOf, viewProject } from '../../project/selection.js';
import { withProgress } from '../../project/progress-output.js';

interface KillFlags {
  readonly signal: string;
}

/**
 * Validates a signal: a name with or without SIG, or a number. Returns it in upper case; throws
 * `invalid`.
 */
export function checkSignal(text: string): string {
  if (/^(?:(?:SIG)?[A-Z][A-Z0-9+-]{1,9}|\d{1,2})$/iu.test(text)) return text.toUpperCase();
  throw new AppError('invalid', `invalid signal "${text}": use a name like SIGTERM or a number`);
}

export function killCommand(cli: Cli): Command {
  return new Command('kill')
    .description('Force stop containers, or send them a signal; killed containers stay stopped')
    .argument('[services...]')
    .option('-s, --signal <signal>', 'signal to send', 'SIGKILL')
    .option(
      '--remove-orphans',
      'include containers for services not defined in the Compose file (always on)',
    )
    .action(async (services: string[], flags: KillFlags) => {
      const signalName = checkSignal(flags.signal);
      const view = await viewProject(cli, services);
      const tasks = tasksOf(view, services).filter(
        (task) => isLiveTask(task) && task.status.state === 'running',
      );
      if (tasks.length === 0) throw new AppError('not-found', 'kill: no running containers');
      await withProgress(cli, async (progress) => {
        progress.show('Killing', containerProgressRows(view, tasks, 'Killing', 'working'));
        await view.client.call(
          'service.kill',
          { project: view.project, services: serviceNames(view, services), signal: signalName },
          { signal: cli.interrupts.signal },
        );
        progress.show('Killing', containerProgressRows(view, tasks, 'Killed', 'done'));
      });
    });
}
