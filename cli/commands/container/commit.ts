import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Cli } from '../../cli.js';
import { collect } from '../../arguments/options.js';
import { runningTask, viewProject, wholeNumber } from '../../project/selection.js';
import { withProgress } from '../../project/progress-output.js';

interface CommitFlags {
  readonly author?: string;
  readonly change?: readonly string[];
  readonly index?: string;
  readonly message?: string;
  readonly pause: string | boolean;
}

const commitMs = 600_000;

export function commitCommand(cli: Cli): Command {
  return new Command('commit')
    .description("Create a new image from a service container's changes, on the container's node")
    .argument('<service>')
    .argument('[image]', 'REPOSITORY[:TAG]')
    .option('-a, --author <author>', 'author, as in "Ann <ann@example.org>"')
    .option('-c, --change <instruction>', 'Dockerfile instruction to apply', collect)
    .option('--index <number>', 'index of the container if the service has several')
    .option('-m, --message <text>', 'commit message')
    .option('-p, --pause [on]', 'pause the container during commit', 'true')
    .action(async (service: string, image: string | undefined, flags: CommitFlags) => {
      const pause = String(flags.pause);
      if (pause !== 'true' && pause !== 'false') {
        throw new AppError('invalid', `invalid --pause "${pause}": use true or false`);
      }
      const index = flags.index === undefined ? 0 : wholeNumber('--index', flags.index);
      const view = await viewProject(cli, [service]);
      const task = runningTask(view, service, index === 0 ? undefined : index);
      const { author, message: comment } = flags;
      const node = (task.nodeId && view.nodes.get(task.nodeId)?.spec.name) ?? '';
      await withProgress(cli, async (progress) => {
        const row = { id: `Container ${task.containerName}`, detail: node };
        progress.show('Committing', [{ ...row, text: 'Committing', state: 'working' }]);
        const id = await view.client.call(
          'task.commit',
          {
            ...{ project: view.project, service, index: task.slot },
            changes: flags.change ?? [],
            pause: pause === 'true',
            ...(image === undefined ? {} : { image }),
            ...(author === undefined ? {} : { author }),
            ...(comment === undefined ? {} : { comment }),
          },
          { signal: cli.interrupts.signal, timeoutMs: commitMs },
        );
        progress.show('Committing', [{ ...row, text: `Committed as ${id}`, state: 'done' }]);
      });
    });
}
