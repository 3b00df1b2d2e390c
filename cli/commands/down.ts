import { Command } from 'commander';
import type { Cli } from '../cli.js';
import { follow, lookOnce } from './follow/follow.js';
import type { DownWanted } from './follow/down-state.js';
import { judgeDown } from './follow/down-state.js';
import { checkServices, openProject, timeoutMs } from './selection.js';
import { warn, withProgress } from './showing.js';

interface DownFlags {
  readonly volumes?: boolean;
  readonly removeOrphans?: boolean;
  readonly timeout?: string;
}

/** Containers that do not end at once are stopped after their grace; only silence is an error. */
const silenceMs = 180_000;

export function downCommand(cli: Cli): Command {
  return new Command('down')
    .description('Stop and remove containers and networks, on every node')
    .argument('[services...]')
    .option('-v, --volumes', 'remove named volumes too')
    .option('--remove-orphans', 'remove containers of services that are not in the file')
    .option('-t, --timeout <seconds>', 'seconds a container has to stop')
    .action(async (services: string[], flags: DownFlags) => {
      await down(cli, services, flags);
    });
}

async function down(cli: Cli, services: readonly string[], flags: DownFlags): Promise<void> {
  const grace = timeoutMs(flags.timeout);
  const { client, project } = await openProject(cli);
  const { signal } = cli.interrupts;
  const before = await lookOnce(client, project, signal);
  checkServices(services, [...before.services.values()], [...before.tasks.values()]);
  const named = services.length === 0 ? undefined : services;
  const { changes } = await client.call(
    'project.remove',
    {
      project,
      volumes: flags.volumes === true,
      ...(named === undefined ? {} : { services: named }),
      ...(grace === undefined ? {} : { timeoutMs: grace }),
    },
    { signal },
  );
  if (changes.length === 0 && before.tasks.size === 0) {
    warn(cli, `no resource found to remove for project "${project}"`);
    return;
  }
  const wanted: DownWanted = { project, services: named, changes, before };
  await withProgress(cli, (progress) =>
    follow({
      client,
      project,
      progress,
      title: 'Running',
      judge: (state) => judgeDown(wanted, state),
      signal,
      now: cli.now,
      idleMs: silenceMs + (grace ?? 0),
    }),
  );
}
