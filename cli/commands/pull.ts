import { Command } from 'commander';
import { AppError, messageOf } from '../../manager/base/errors.js';
import type { Node } from '../../manager/model/node.js';
import { parsePlatform, runsPlatform } from '../../manager/model/platform.js';
import { RegistryCredentials } from '../build/registry-auth.js';
import { imageOf } from '../build/request.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { Project } from '../compose/model.js';
import type { ProgressRow } from '../output/progress.js';
import { readLines, type ServiceImages } from './image-lines.js';
import { loadFile } from './project.js';
import { warn, withProgress } from './showing.js';

export interface PullFlags {
  readonly ignoreBuildable?: boolean;
  readonly ignorePullFailures?: boolean;
  readonly includeDeps?: boolean;
  readonly policy?: string;
  readonly quiet?: boolean;
}

interface Wanted {
  readonly image: string;
  readonly platform: string | undefined;
  readonly buildable: boolean;
}

export function pullCommand(cli: Cli): Command {
  return new Command('pull')
    .description('Pull service images onto every node that may run them')
    .argument('[services...]')
    .option('--ignore-buildable', 'leave out images that can be built')
    .option('--ignore-pull-failures', 'pull what it can and ignore failures')
    .option('--include-deps', 'also pull what the services depend on')
    .option('--policy <policy>', 'missing or always')
    .option('-q, --quiet', 'no progress')
    .action(async (services: string[], flags: PullFlags) => {
      if (flags.policy !== undefined && !['missing', 'always'].includes(flags.policy)) {
        throw new AppError('invalid', `invalid --policy "${flags.policy}": use missing or always`);
      }
      const { project } = await loadFile(cli, services);
      const keys =
        services.length === 0 || flags.includeDeps === true
          ? Object.keys(project.services)
          : services;
      const client = await cli.connect({ startLocal: true });
      await pullServices(cli, { client, project, keys }, flags);
    });
}

/** What is to be pulled, each image once; a service whose image only a build gives is left out. */
export function wantedImages(
  project: Project,
  keys: readonly string[],
  flags: Pick<PullFlags, 'ignoreBuildable'>,
): readonly Wanted[] {
  const found = new Map<string, Wanted>();
  for (const key of keys) {
    const service = project.services[key];
    if (service === undefined) throw new AppError('not-found', `no such service: ${key}`);
    const buildable = service.build !== undefined;
    if (service.image === undefined || (buildable && flags.ignoreBuildable === true)) continue;
    const image = imageOf(project, key, service);
    const { platform } = service;
    found.set(`${image} ${platform ?? ''}`, { image, platform, buildable });
  }
  return [...found.values()];
}

/** Pulls on every ready node whose platform fits, with the user's credentials. */
export async function pullServices(
  cli: Cli,
  { client, project, keys }: ServiceImages,
  flags: PullFlags,
): Promise<void> {
  const { signal } = cli.interrupts;
  const nodes = (await client.call('node.list', {}, { signal })).filter(
    ({ status, spec }) => status.state === 'ready' && spec.availability === 'active',
  );
  if (nodes.length === 0) throw new AppError('unavailable', 'no node is ready to pull on');
  const credentials = new RegistryCredentials(cli.env);
  const failures: string[] = [];
  await withProgress(cli, async (progress) => {
    const rows = new Map<string, ProgressRow>();
    const show = (id: string, text: string, state: ProgressRow['state'], detail: string): void => {
      rows.set(`${id} ${detail}`, { id, text, state, detail });
      if (flags.quiet !== true) progress.show('Pulling', [...rows.values()]);
    };
    const one = async (wanted: Wanted, node: Node): Promise<void> => {
      const id = `Image ${wanted.image} on ${node.spec.name}`;
      try {
        show(id, 'Pulling', 'working', '');
        const pulled = await pullOne({ cli, client, credentials, flags }, wanted, node);
        show(id, pulled ? 'Pulled' : 'Skipped: already there', 'done', '');
      } catch (error) {
        show(id, 'Error', 'error', '');
        if (!wanted.buildable) failures.push(`${id}: ${messageOf(error)}`);
        else warn(cli, `${id}: ${messageOf(error)}; it can be built with "shoal build"`);
      }
    };
    const jobs = wantedImages(project, keys, flags).flatMap((wanted) =>
      nodes.filter((node) => runs(node, wanted.platform)).map((node) => one(wanted, node)),
    );
    await Promise.all(jobs);
  });
  if (failures.length === 0) return;
  if (flags.ignorePullFailures !== true) throw new AppError('unavailable', failures.join('; '));
  for (const line of failures) warn(cli, line);
}

function runs({ description: { os, arch } }: Node, platform: string | undefined): boolean {
  return platform === undefined || runsPlatform(parsePlatform(platform), os, arch);
}

/** False when the policy is `missing` and the image is there. */
async function pullOne(
  around: {
    readonly cli: Cli;
    readonly client: ControlClient;
    readonly credentials: RegistryCredentials;
    readonly flags: PullFlags;
  },
  { image, platform }: Wanted,
  node: Node,
): Promise<boolean> {
  const { cli, client, credentials, flags } = around;
  const { signal } = cli.interrupts;
  if (flags.policy === 'missing') {
    const holders = await client.call('image.find', { image }, { signal });
    if (holders.some(({ nodeId }) => nodeId === node.id)) return false;
  }
  const auth = await credentials.forImage(image);
  const args = {
    node: node.id,
    image,
    ...(platform === undefined ? {} : { platform }),
    ...(auth === undefined ? {} : { auth }),
  };
  await readLines(await client.open('pull', args, signal), () => undefined);
  return true;
}
