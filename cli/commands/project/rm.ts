import { createInterface } from 'node:readline/promises';
import { Command } from 'commander';
import { isTerminal } from '../../../manager/common/model/task-state.js';
import { acceptLegacyFlags } from '../../arguments/legacy-flags.js';
import type { Cli } from '../../cli.js';
import { serviceNames, tasksOf, viewProject } from '../../project/selection.js';
import { stopServices } from '../../rollout/stop-services.js';
import { withProgress } from '../../project/progress-output.js';

interface RmFlags {
  readonly force?: boolean;
  readonly stop?: boolean;
}

export function rmCommand(cli: Cli): Command {
  const command = new Command('rm')
    .description('Remove stopped containers, with their anonymous volumes')
    .argument('[services...]')
    .option('-f, --force', "don't ask to confirm removal")
    .option('-s, --stop', 'stop the containers, if required, before removing')
    .option('-v, --volumes', 'remove anonymous volumes too (always on)')
    .action(async (services: string[], flags: RmFlags) => {
      await remove(cli, services, flags);
    });
  return acceptLegacyFlags(command, ['-a, --all']);
}

async function remove(cli: Cli, services: readonly string[], flags: RmFlags): Promise<void> {
  let view = await viewProject(cli, services);
  if (flags.stop === true && cli.options.dryRun === true) {
    const names = new Set(tasksOf(view, services).map(({ containerName }) => containerName));
    cli.stdout.write([...names].map((name) => `container ${name}: stop and remove\n`).join(''));
    return;
  }
  if (flags.stop === true) {
    await stopServices(cli, view, services, undefined);
    view = await viewProject(cli, services);
  }
  const names = tasksOf(view, services)
    .filter(({ status }) => isTerminal(status.state))
    .map(({ containerName }) => containerName);
  if (names.length === 0) {
    cli.stderr.write('No stopped containers\n');
    return;
  }
  const going = [...new Set(names)].join(', ');
  const isAsked = flags.force !== true && cli.options.dryRun !== true;
  if (isAsked && !(await confirm(cli, `Going to remove ${going}`))) return;
  await withProgress(cli, async (progress) => {
    const removed = await view.client.call(
      'service.clean',
      { project: view.project, services: serviceNames(view, services) },
      { signal: cli.interrupts.signal },
    );
    progress.show(
      'Removing',
      removed.map((name) => ({ id: `Container ${name}`, text: 'Removed', state: 'done' })),
    );
  });
}

/**
 * Asks a yes/no question on stderr and reads the answer from stdin, which may be a pipe; end of
 * input means no.
 */
export async function confirm(cli: Cli, question: string): Promise<boolean> {
  cli.stderr.write(`? ${question} (y/N) `);
  const lines = createInterface({ input: cli.stdin });
  try {
    for await (const line of lines) return /^y(?:es)?$/iu.test(line.trim());
    return false;
  } finally {
    lines.close();
  }
}
