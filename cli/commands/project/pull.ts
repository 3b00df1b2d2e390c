import { Command } from 'commander';
import { AppError, messageOf } from '../../../manager/common/base/errors.js';
import type { Node } from '../../../manager/common/model/node.js';
import type { ImageOnNode } from '../../../manager/common/protocol/control.js';
import type { Meter } from '../../output/meter.js';
import { LayerMeter } from '../../build/layer-meter.js';
import { RegistryCredentials } from '../../build/registry-auth.js';
import type { Cli } from '../../cli.js';
import type { ControlClient } from '../../client/client.js';
import type { Service } from '../../compose/model.js';
import type { ProgressRow } from '../../output/progress.js';
import { readLines } from '../../rollout/image-lines.js';
import { inTurns } from '../../rollout/in-turns.js';
import { loadFile } from '../../project/load-request.js';
import type { PullWhen, WantedImage } from '../../rollout/pull-policy.js';
import { eligibleNodes, isDue, pullWhen, wantedImages } from '../../rollout/pull-policy.js';
import { warn, withProgress } from '../../project/showing.js';

interface PullCommandFlags {
  readonly ignoreBuildable?: boolean;
  readonly ignorePullFailures?: boolean;
  readonly includeDeps?: boolean;
  readonly policy?: string;
  readonly quiet?: boolean;
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
    .action(async (services: string[], flags: PullCommandFlags) => {
      if (flags.policy !== undefined && !['missing', 'always'].includes(flags.policy)) {
        throw new AppError('invalid', `invalid --policy "${flags.policy}": use missing or always`);
      }
      const { project } = await loadFile(cli, services);
      const keys =
        services.length === 0 || flags.includeDeps === true
          ? Object.keys(project.services)
          : services;
      const images = wantedImages(project, keys, (service) => whenAsked(service, flags));
      const client = await cli.connect({ startLocal: true });
      await pullImages(cli, { client, images }, flags);
    });
}

/** `pull` pulls what it is asked for, except what the file says is not to be. */
function whenAsked(service: Service, flags: PullCommandFlags): PullWhen | undefined {
  if (service.build !== undefined && flags.ignoreBuildable === true) return undefined;
  const said = pullWhen(service, flags.policy);
  if (said?.kind === 'never' || said?.kind === 'build') return undefined;
  return said?.kind === 'missing' ? said : { kind: 'always' };
}

export interface ToPull {
  readonly client: ControlClient;
  readonly images: readonly WantedImage[];
}

export interface PullHow {
  readonly ignorePullFailures?: boolean;
  readonly quiet?: boolean;
  /**
   * Only where it is already, and, where its registry asks for credentials and no node has it, on one
   * node: the others take it from there when they need it.
   */
  readonly whereNeeded?: boolean;
}

/** Pulls on every ready node that may run what wants the image, with the user's credentials. */
export async function pullImages(
  cli: Cli,
  { client, images }: ToPull,
  flags: PullHow,
): Promise<void> {
  if (images.length === 0) return;
  const { signal } = cli.interrupts;
  const nodes = await client.call('node.list', {}, { signal });
  if (!nodes.some(({ status }) => status.state === 'ready')) {
    throw new AppError('unavailable', 'no node is ready to pull on');
  }
  const credentials = new RegistryCredentials(cli.env);
  const failures: string[] = [];
  await withProgress(cli, async (progress) => {
    const rows = new Map<string, ProgressRow>();
    const show = (row: ProgressRow): void => {
      rows.set(row.id, row);
      if (flags.quiet !== true) progress.show('Pulling', [...rows.values()]);
    };
    const one = async (wanted: WantedImage, node: Node, seen: ImageOnNode | undefined) => {
      const id = `Image ${wanted.image} on ${node.spec.name}`;
      if (!isDue(wanted.when, seen, cli.now())) {
        show({ id, text: 'Skipped: already there', state: 'done' });
        return;
      }
      show({ id, text: 'Pulling', state: 'working' });
      try {
        await pullOne({ cli, client, credentials }, wanted, node, (meter) => {
          show({ id, text: 'Pulling', state: 'working', meter });
        });
        show({ id, text: 'Pulled', state: 'done' });
      } catch (error) {
        const text = `${id}: ${messageOf(error)}`;
        show({ id, text: wanted.buildable ? 'Warning' : 'Error', state: 'error' });
        if (!wanted.buildable) failures.push(text);
        else warn(cli, `${text}; it can be built with "shoal build"`);
      }
    };
    const jobs = images.map(async (wanted) => {
      const holders = await client.call('image.find', { image: wanted.image }, { signal });
      const eligible = eligibleNodes(nodes, wanted);
      const having = eligible.filter(({ id }) => holders.some(({ nodeId }) => nodeId === id));
      const secret = (await credentials.forImage(wanted.image)) !== undefined;
      const first = having.length > 0 ? having : eligible.slice(0, secret ? 1 : 0);
      return (flags.whereNeeded === true ? first : eligible).map((node) => async () => {
        const seen = holders.find(({ nodeId }) => nodeId === node.id);
        if (flags.whereNeeded !== true || isDue(wanted.when, seen, cli.now())) {
          await one(wanted, node, seen);
        }
      });
    });
    await inTurns(cli.options.parallel, (await Promise.all(jobs)).flat());
  });
  if (failures.length === 0) return;
  if (flags.ignorePullFailures !== true) throw new AppError('unavailable', failures.join('; '));
  for (const line of failures) warn(cli, line);
}

async function pullOne(
  around: {
    readonly cli: Cli;
    readonly client: ControlClient;
    readonly credentials: RegistryCredentials;
  },
  { image, platform }: WantedImage,
  node: Node,
  onMoved: (moved: Meter) => void,
): Promise<void> {
  const { cli, client, credentials } = around;
  const auth = await credentials.forImage(image);
  const args = {
    node: node.id,
    image,
    ...(platform === undefined ? {} : { platform }),
    ...(auth === undefined ? {} : { auth }),
  };
  const meter = new LayerMeter();
  await readLines(await client.open('pull', args, cli.interrupts.signal), (line) => {
    const moved = meter.read(line);
    if (moved !== undefined) onMoved(moved);
  });
}
