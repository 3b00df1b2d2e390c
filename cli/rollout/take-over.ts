import { AppError } from '../../manager/common/base/errors.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { Project } from '../compose/model.js';
import type { ProgressRow } from '../output/progress.js';
import { warn, withProgress } from '../project/progress-output.js';

const takeOverMs = 200_000;

interface TakeOver {
  readonly client: ControlClient;
  readonly project: Project;
  readonly dryRun: boolean;
}

/**
 * Takes over a project from docker compose before its first `up`: removes the containers that
 * docker compose created from the same files on the cluster's engines. Volumes keep their names and
 * data, so the new tasks use them. Throws `conflict` for containers created from other files.
 */
export async function takeOver(cli: Cli, { client, project, dryRun }: TakeOver): Promise<void> {
  const { signal } = cli.interrupts;
  const containers = await client.call('project.others', { project: project.name }, { signal });
  if (containers.length === 0) return;
  const configFiles = project.composeFiles.join(',');
  const conflicting = containers.find((other) => other.configFiles !== configFiles);
  if (conflicting !== undefined) {
    throw new AppError(
      'conflict',
      `container ${conflicting.name} on ${conflicting.node}: belongs to a project ${project.name} that docker compose created from ${conflicting.configFiles}; remove it there with "docker compose -p ${project.name} down", or choose another project name with -p`,
    );
  }
  if (dryRun) {
    for (const { name, node } of containers)
      cli.stdout.write(`container ${name}: remove (created by docker compose on ${node})\n`);
    return;
  }
  await withProgress(cli, async (progress) => {
    const show = (text: string, state: ProgressRow['state']): void => {
      const rows = containers.map(({ name, node }) => ({
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

/** Warns about containers that docker compose created for a project unknown to the cluster. */
export async function warnAboutComposeContainers(
  cli: Cli,
  client: ControlClient,
  project: string,
): Promise<void> {
  const { signal } = cli.interrupts;
  const containers = await client.call('project.others', { project }, { signal });
  if (containers.length === 0) return;
  const names = containers
    .map(({ name, node, state }) => `${name} (${state} on ${node})`)
    .join(', ');
  warn(
    cli,
    `project ${project}: has containers created by docker compose: ${names}; "shoal up" replaces them and keeps their volumes`,
  );
}
