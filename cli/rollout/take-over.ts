import { AppError } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { Project } from '../compose/model.js';
import type { ProgressRow } from '../output/progress.js';
import { warn, withProgress } from '../project/showing.js';

const takeOverMs = 200_000;

interface TakeOver {
  readonly client: ControlClient;
  readonly project: Project;
  readonly dryRun: boolean;
}

/**
 * Before a project comes up for the first time: containers that docker compose made from the same files
 * on an engine of the cluster give way, as they would to docker compose itself when something changed.
 * Their volumes have the names that ours ask for. Throws `conflict` for ones made from other files.
 */
export async function takeOver(cli: Cli, { client, project, dryRun }: TakeOver): Promise<void> {
  const { signal } = cli.interrupts;
  const others = await client.call('project.others', { project: project.name }, { signal });
  if (others.length === 0) return;
  const configFiles = project.composeFiles.join(',');
  const strange = others.find((other) => other.configFiles !== configFiles);
  if (strange !== undefined) {
    throw new AppError(
      'conflict',
      `container ${strange.name} on ${strange.node} is of a project ${project.name} that docker compose made from ${strange.configFiles}: remove it with "docker compose -p ${project.name} down" there, or choose another name with -p`,
    );
  }
  if (dryRun) {
    for (const { name, node } of others)
      cli.stdout.write(`container ${name}: remove (docker compose made it on ${node})\n`);
    return;
  }
  await withProgress(cli, async (progress) => {
    const show = (text: string, state: ProgressRow['state']): void => {
      const rows = others.map(({ name, node }) => ({
        id: `Container ${name}`,
        text,
        state,
        detail: node,
      }));
      progress.show('Taking over', rows);
    };
    show('Removing', 'working');
    const args = { project: project.name, configFiles };
    await client.call('project.take-over', args, { signal, timeoutMs: takeOverMs });
    show('Removed', 'done');
  });
}

/** For a project that the cluster does not know: docker compose may have made it. */
export async function warnOfOthers(
  cli: Cli,
  client: ControlClient,
  project: string,
): Promise<void> {
  const { signal } = cli.interrupts;
  const others = await client.call('project.others', { project }, { signal });
  if (others.length === 0) return;
  const names = others.map(({ name, node, state }) => `${name} (${state} on ${node})`).join(', ');
  warn(
    cli,
    `docker compose made containers of project ${project} here: ${names}; "shoal up" takes them over, their volumes stay`,
  );
}
