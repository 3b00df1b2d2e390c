import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { isTerminal } from '../../manager/common/model/task-state.js';
import type { Task } from '../../manager/common/model/task.js';
import type { ImageOnNode } from '../../manager/common/protocol/control.js';
import { RegistryCredentials } from '../build/registry-auth.js';
import { platformOf } from '../build/request.js';
import { imageOf } from '../compose/specs/names.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { sendOnly } from '../client/transfer.js';
import type { WatchedState } from '../client/watched.js';
import type { Project, ComposeService } from '../compose/model.js';
import type { BuiltImage } from './build-services.js';
import { warn } from '../project/progress-output.js';
import { runWithLimit } from './run-with-limit.js';
import type { PullCondition, ImageToPull } from './pull-policy.js';
import { pullConditionOf, imagesToPull } from './pull-policy.js';
import type { UpFlags } from './up-flags.js';

/** Maximum number of concurrent image lookups. */
const findsAtOnce = 8;

export interface ImagePreparation {
  readonly client: ControlClient;
  readonly project: Project;
  /** Compose keys of the services that will run. */
  readonly keys: readonly string[];
  readonly flags: Pick<UpFlags, 'build' | 'pull' | 'quietBuild' | 'quietPull' | 'dryRun'>;
  readonly before: WatchedState;
}

/**
 * Pulls and builds images as the files and flags require, and builds images that no node has.
 * Returns the services with containers whose image is outdated on their node: they must be
 * recreated even though their spec is unchanged.
 */
export async function prepareImages(cli: Cli, of: ImagePreparation): Promise<readonly string[]> {
  const { client, project, flags } = of;
  checkPull(flags.pull);
  if (flags.dryRun === true) return findStale(cli, of);
  await pullFirst(cli, of);
  if (flags.pull === 'never') await checkPresent(cli, of);
  const toBuild = await servicesToBuild(cli, of);
  if (toBuild.length > 0) {
    const { buildServices } = await import('./build-services.js');
    const quiet = flags.quietBuild === true;
    const built = await buildServices(cli, { client, project, keys: toBuild }, { quiet });
    await refreshNodes(cli, of, built);
  }
  return findStale(cli, of);
}

/**
 * Pins images to digests of their registries, before the first pull, and pulls those that nodes do not
 * pull by themselves: requested or outdated images, and images that
 * need the user's credentials.
 */
async function pullFirst(
  cli: Cli,
  { client, project, keys, flags }: ImagePreparation,
): Promise<void> {
  const wanted = imagesToPull(project, keys, (each) => whenToPull(each, flags.pull));
  const { pinImages } = await import('./pin-images.js');
  const digests = await pinImages(cli, client, wanted);
  const everywhere = flags.pull === 'always' || flags.pull === 'missing';
  const credentials = new RegistryCredentials(cli.env);
  const images: ImageToPull[] = [];
  for (const each of wanted) {
    const lazy = !everywhere && each.when.kind === 'missing';
    if (!lazy || (await credentials.forImage(each.image)) !== undefined) images.push(each);
  }
  if (images.length === 0) return;
  const { pullImages } = await import('./pull-images.js');
  const how = { quiet: flags.quietPull === true, onDemand: !everywhere };
  await pullImages(cli, { client, images, digests }, how);
}

/**
 * Pull condition for `up`. Services with `build:` are built if the image is missing, not pulled.
 */
function whenToPull(service: ComposeService, flag: string | undefined): PullCondition | undefined {
  const when = pullConditionOf(service, flag) ?? { kind: 'missing' };
  if (when.kind === 'always' || when.kind === 'older') return when;
  return when.kind === 'missing' && service.build === undefined ? when : undefined;
}

function checkPull(policy: string | undefined): void {
  if (policy === undefined || ['always', 'missing', 'never', 'policy'].includes(policy)) return;
  throw new AppError('invalid', `invalid --pull "${policy}": use always, missing or never`);
}

async function checkPresent(cli: Cli, { client, project, keys }: ImagePreparation): Promise<void> {
  for (const key of keys) {
    const service = project.services[key];
    if (service === undefined || service.build !== undefined) continue;
    const image = imageOf(project, key, service);
    const found = await client.call('image.find', { image }, { signal: cli.interrupts.signal });
    if (found.length > 0) continue;
    throw new AppError(
      'not-found',
      `service ${key}: no node has image ${image}; allow pulling with --pull missing`,
    );
  }
}

/**
 * Binds the images of the services to the content that nodes have, so that every node runs the same,
 * and warns of nodes that have another. Returns the images that no node has yet.
 */
export async function bindImages(
  cli: Cli,
  client: ControlClient,
  images: readonly string[],
): Promise<readonly string[]> {
  const { signal } = cli.interrupts;
  const missing: string[] = [];
  const bind = (image: string) => async () => {
    try {
      const args = { image, event: 'deployed' } as const;
      const { isRecorded, problem } = await client.call('image.record', args, { signal });
      if (problem !== undefined) {
        warn(cli, `image ${image}: ${problem}; build, pull or load it again to replace them`);
      } else if (!isRecorded) missing.push(image);
    } catch (error) {
      signal.throwIfAborted();
      warn(cli, `image ${image}: is not bound to one content: ${messageOf(error)}`);
    }
  };
  await runWithLimit(findsAtOnce, images.map(bind));
  return missing;
}

/** Images that later containers use as they are now; services that always pull want the newest. */
export function imagesToBind(project: Project, keys: readonly string[]): readonly string[] {
  const images = keys.flatMap((key) => {
    const service = project.services[key];
    const always = service?.pull_policy === 'always';
    return service === undefined || always ? [] : [imageOf(project, key, service)];
  });
  return [...new Set(images)].sort();
}

async function servicesToBuild(cli: Cli, of: ImagePreparation): Promise<readonly string[]> {
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
    `service ${first}: no node has its image; build it without --no-build`,
  );
}

/** Sends the built images to nodes that hold an older image of that name and would start it. */
async function refreshNodes(
  cli: Cli,
  { client, project }: ImagePreparation,
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

/** Looks up the images of services that are already running and returns the outdated services. */
async function findStale(
  cli: Cli,
  { client, project, keys, before }: ImagePreparation,
): Promise<readonly string[]> {
  const live = [...before.tasks.values()].filter(({ status }) => !isTerminal(status.state));
  const running = new Set(live.map(({ service }) => service));
  const images = new Map<string, string>();
  for (const key of keys) {
    const service = project.services[key];
    if (service !== undefined && running.has(key)) {
      images.set(key, imageOf(project, key, service));
    }
  }
  const found = new Map<string, readonly ImageOnNode[]>();
  const ask = (image: string) => async () => {
    const { signal } = cli.interrupts;
    found.set(image, await client.call('image.find', { image }, { signal }));
  };
  await runWithLimit(findsAtOnce, [...new Set(images.values())].map(ask));
  return staleServices(live, images, found);
}

/**
 * Services with a live container whose image id differs from the image its node has under that
 * name.
 */
export function staleServices(
  live: readonly Pick<Task, 'service' | 'nodeId' | 'spec' | 'status'>[],
  images: ReadonlyMap<string, string>,
  found: ReadonlyMap<string, readonly Pick<ImageOnNode, 'nodeId' | 'id'>[]>,
): readonly string[] {
  const stale = live.filter(({ service, nodeId, spec, status: { imageId } }) => {
    // The digest of the service's spec says what its containers run.
    if (spec.container.imageDigest !== undefined) return false;
    const holders = found.get(images.get(service) ?? '') ?? [];
    const own = holders.find((holder) => holder.nodeId === nodeId);
    return imageId !== undefined && own !== undefined && own.id !== imageId;
  });
  return [...new Set(stale.map(({ service }) => service))];
}
