import { AppError } from '../../manager/base/errors.js';
import { isTerminal } from '../../manager/model/task-state.js';
import { imageOf, platformOf } from '../build/request.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { sendOnly } from '../client/transfer.js';
import type { Watched } from '../client/watched.js';
import type { Project } from '../compose/model.js';
import type { BuiltImage } from './build.js';
import type { UpFlags } from './up-flags.js';

export interface ImagesOf {
  readonly client: ControlClient;
  readonly project: Project;
  /** Services that will run. */
  readonly keys: readonly string[];
  readonly flags: Pick<UpFlags, 'build' | 'pull' | 'quietBuild' | 'quietPull' | 'dryRun'>;
  readonly before: Watched;
}

/**
 * Pulls and builds as the flags ask, and builds what no node has. Returns the services whose containers run
 * an older build of their image: they must be recreated though their definition is the same.
 */
export async function prepareImages(cli: Cli, of: ImagesOf): Promise<readonly string[]> {
  const { client, project, keys, flags } = of;
  checkPull(flags.pull);
  if (flags.dryRun === true) return [];
  if (flags.pull === 'always' || flags.pull === 'missing') {
    const { pullServices } = await import('./pull.js');
    const how = { ignoreBuildable: true, policy: flags.pull, quiet: flags.quietPull === true };
    await pullServices(cli, { client, project, keys }, how);
  }
  if (flags.pull === 'never') await checkPresent(cli, of);
  const toBuild = await servicesToBuild(cli, of);
  if (toBuild.length === 0) return [];
  const { buildServices } = await import('./build.js');
  const quiet = flags.quietBuild === true;
  const built = await buildServices(cli, { client, project, keys: toBuild }, { quiet });
  await refreshNodes(cli, of, built);
  return staleServices(of.before, built);
}

function checkPull(policy: string | undefined): void {
  if (policy === undefined || ['always', 'missing', 'never', 'policy'].includes(policy)) return;
  throw new AppError('invalid', `invalid --pull "${policy}": use always, missing or never`);
}

async function checkPresent(cli: Cli, { client, project, keys }: ImagesOf): Promise<void> {
  for (const key of keys) {
    const service = project.services[key];
    if (service === undefined || service.build !== undefined) continue;
    const image = imageOf(project, key, service);
    const found = await client.call('image.find', { image }, { signal: cli.interrupts.signal });
    if (found.length > 0) continue;
    throw new AppError(
      'not-found',
      `service ${key}: no node has image ${image} and --pull is never`,
    );
  }
}

async function servicesToBuild(cli: Cli, of: ImagesOf): Promise<readonly string[]> {
  const { client, project, keys, flags } = of;
  const buildable = keys.filter((key) => project.services[key]?.build !== undefined);
  if (flags.build === true) return buildable;
  const missing: string[] = [];
  for (const key of buildable) {
    const service = project.services[key];
    if (service === undefined) continue;
    if (service.pull_policy === 'build') {
      missing.push(key);
      continue;
    }
    const image = imageOf(project, key, service);
    const found = await client.call('image.find', { image }, { signal: cli.interrupts.signal });
    if (found.length === 0) missing.push(key);
  }
  if (flags.build !== false) return missing;
  const [first] = missing;
  if (first === undefined) return [];
  throw new AppError(
    'not-found',
    `service ${first}: no node has its image and --no-build forbids to build it`,
  );
}

/** Nodes that have an older image of the name would start that one: they get the new one now. */
async function refreshNodes(
  cli: Cli,
  { client, project }: ImagesOf,
  built: readonly BuiltImage[],
): Promise<void> {
  const { signal } = cli.interrupts;
  for (const { service: key, image, id } of built) {
    const service = project.services[key];
    const platform = service === undefined ? undefined : platformOf(key, service);
    const holders = await client.call('image.find', { image }, { signal });
    const stale = holders.filter((holder) => id !== '' && holder.id !== id);
    await Promise.all(
      stale.map(async ({ nodeId: node }) => {
        const args = { node, image, ...(platform === undefined ? {} : { platform }) };
        await sendOnly(await client.open('fetch', args, signal));
      }),
    );
  }
}

/** Services of which a live container was made from another image than the one just built. */
export function staleServices(
  { tasks }: Pick<Watched, 'tasks'>,
  built: readonly BuiltImage[],
): readonly string[] {
  return built
    .filter(({ service, id }) =>
      [...tasks.values()].some(
        (task) =>
          task.service === service &&
          !isTerminal(task.status.state) &&
          task.status.imageId !== undefined &&
          task.status.imageId !== id,
      ),
    )
    .map(({ service }) => service);
}
