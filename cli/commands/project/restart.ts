import { Command } from 'commander';
import { withDependents } from '../../../manager/common/model/dependents.js';
import type { Cli } from '../../cli.js';
import type { ProjectView } from '../../project/selection.js';
import {
  isLiveTask,
  serviceNames,
  tasksOf,
  timeoutMs,
  viewProject,
} from '../../project/selection.js';
import { withProgress } from '../../project/progress-output.js';
import { containerProgressRows } from '../../project/container-rows.js';

interface RestartFlags {
  readonly timeout?: string;
  readonly deps: boolean;
}

/** Time limit for stop grace (10 s by default) and start, with headroom; `--timeout` adds to it. */
const restartDeadlineMs = 300_000;

export function restartCommand(cli: Cli): Command {
  return new Command('restart')
    .description('Restart containers on their nodes')
    .argument('[services...]')
    .option('-t, --timeout <seconds>', 'shutdown timeout of a container in seconds')
    .option('--no-deps', "don't restart dependent services")
    .action(async (services: string[], flags: RestartFlags) => {
      const grace = timeoutMs(flags.timeout);
      const view = await viewProject(cli, services);
      const named = flags.deps ? addDependents(view, services) : services;
      await restart(cli, view, { services: named, noDependents: !flags.deps, grace });
    });
}

/** Adds the services that restart with their dependencies (`depends_on.restart: true`). */
function addDependents(view: ProjectView, services: readonly string[]): readonly string[] {
  if (services.length === 0) return services;
  return withDependents(
    services,
    view.services.map(({ spec }) => spec),
  );
}

async function restart(
  cli: Cli,
  view: ProjectView,
  how: {
    readonly services: readonly string[];
    readonly noDependents: boolean;
    readonly grace: number | undefined;
  },
): Promise<void> {
  const { services, noDependents, grace } = how;
  const tasks = tasksOf(view, services).filter(isLiveTask);
  const timeout = grace === undefined ? {} : { timeoutMs: grace };
  await withProgress(cli, async (progress) => {
    progress.show('Restarting', containerProgressRows(view, tasks, 'Restarting', 'working'));
    await view.client.call(
      'service.restart',
      {
        project: view.project,
        services: serviceNames(view, services),
        noDependents,
        ...timeout,
      },
      { signal: cli.interrupts.signal, timeoutMs: restartDeadlineMs + (grace ?? 0) },
    );
    progress.show('Restarting', containerProgressRows(view, tasks, 'Started', 'done'));
  });
}
