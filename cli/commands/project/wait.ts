import { Command } from 'commander';
import { AppError } from '../../../manager/common/base/errors.js';
import type { Task } from '../../../manager/common/model/task.js';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import type { Cli } from '../../cli.js';
import { ExitError } from '../../exit-code.js';
import { quietProgress } from '../../output/progress.js';
import { down } from '../../rollout/down.js';
import { followProject } from '../../rollout/follow/follow.js';
import { isLiveTask, tasksOf, viewProject } from '../../project/selection.js';

/** Containers may run for any length of time without a change. */
const foreverMs = Number.MAX_SAFE_INTEGER;

export function waitCommand(cli: Cli): Command {
  return new Command('wait')
    .description('Block until a container of the services stops; exits with its exit code')
    .argument('<services...>')
    .option('--down-project', 'remove the project when the first container has stopped')
    .action(async (services: string[], flags: { readonly downProject?: boolean }) => {
      const view = await viewProject(cli, services);
      const tasks = tasksOf(view, services).filter(isLiveTask);
      if (tasks.length === 0) throw new AppError('not-found', 'wait: no running containers');
      const first = await firstEnd(cli, view, tasks);
      const code = first.status.exitCode ?? 0;
      cli.stdout.write(`container "${first.containerName}" exited with status code ${code}\n`);
      if (flags.downProject === true) await down(cli, [], {});
      if (code !== 0) throw new ExitError(code);
    });
}

async function firstEnd(
  cli: Cli,
  view: Awaited<ReturnType<typeof viewProject>>,
  tasks: readonly Task[],
): Promise<Task> {
  let last = tasks;
  const ended = (): Task | undefined => last.find(({ status }) => isTerminal(status.state));
  await followProject({
    client: view.client,
    project: view.project,
    progress: quietProgress,
    title: 'Waiting',
    evaluate: (state) => {
      last = last.map((task) => state.tasks.get(task.id) ?? task);
      const gone = last.find((task) => !state.tasks.has(task.id));
      if (gone !== undefined && ended() === undefined) {
        return {
          rows: [],
          done: false,
          failure: `container ${gone.containerName}: removed before it exited`,
          stuck: [],
        };
      }
      return { rows: [], done: ended() !== undefined, stuck: [] };
    },
    signal: cli.interrupts.signal,
    now: cli.now,
    idleMs: foreverMs,
  });
  const found = ended();
  if (found === undefined) throw new AppError('internal', 'no container has ended');
  return found;
}
