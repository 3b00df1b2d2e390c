import { AppError, messageOf } from '../../manager/common/base/errors.js';
import type { Node } from '../../manager/common/model/node.js';
import type { ImageOnNode } from '../../manager/common/protocol/control.js';
import type { Meter } from '../output/meter.js';
import { LayerMeter } from '../build/layer-meter.js';
import { RegistryCredentials } from '../build/registry-auth.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import type { ProgressRow } from '../output/progress.js';
import { readEngineOutput } from './engine-output.js';
import { runWithLimit } from './run-with-limit.js';
import type { Digests } from './pin-images.js';
import type { ImageToPull } from './pull-policy.js';
import { eligibleNodes, isPullDue } from './pull-policy.js';
import { warn, withProgress } from '../project/progress-output.js';

export interface PullInput {
  readonly client: ControlClient;
  readonly images: readonly ImageToPull[];
  /** Digest that all nodes pull, by image; an image without one is pulled by its tag. */
  readonly digests: Digests;
}

export interface PullOptions {
  readonly ignorePullFailures?: boolean;
  readonly quiet?: boolean;
  /**
   * Pull only on nodes that have the image. If none has it and its registry needs credentials, pull
   * on one node; the others fetch it from there on demand.
   */
  readonly onDemand?: boolean;
}

/**
 * Pulls each image with the user's credentials on every ready node that may run a service using it.
 * Throws `unavailable` if no node is ready or a pull fails.
 */
export async function pullImages(
  cli: Cli,
  { client, images, digests }: PullInput,
  flags: PullOptions,
): Promise<void> {
  if (images.length === 0) return;
  const { signal } = cli.interrupts;
  const nodes = await client.call('node.list', {}, { signal });
  if (!nodes.some(({ status }) => status.state === 'ready')) {
    throw new AppError('unavailable', 'pull: no node is ready; check "shoal node ls"');
  }
  const credentials = new RegistryCredentials(cli.env);
  const failures: string[] = [];
  await withProgress(cli, async (progress) => {
    const rows = new Map<string, ProgressRow>();
    const show = (row: ProgressRow): void => {
      rows.set(row.id, row);
      if (flags.quiet !== true) progress.show('Pulling', [...rows.values()]);
    };
    const pullTo = async (wanted: ImageToPull, node: Node, present: ImageOnNode | undefined) => {
      const id = `Image ${wanted.image} on ${node.spec.name}`;
      if (!isPullDue(wanted.when, present, cli.now())) {
        show({ id, text: 'Skipped: already present', state: 'done' });
        return;
      }
      show({ id, text: 'Pulling', state: 'working' });
      try {
        await pullOne({ cli, client, credentials, digests }, wanted, node, (meter) => {
          show({ id, text: 'Pulling', state: 'working', meter });
        });
        show({ id, text: 'Pulled', state: 'done' });
      } catch (error) {
        const text = `${id}: ${messageOf(error)}`;
        show({ id, text: wanted.buildable ? 'Warning' : 'Error', state: 'error' });
        if (!wanted.buildable) failures.push(text);
        else warn(cli, `${text}; build it with "shoal build"`);
      }
    };
    const jobs = images.map(async (wanted) => {
      const holders = await client.call('image.find', { image: wanted.image }, { signal });
      const eligible = eligibleNodes(nodes, wanted);
      const withImage = eligible.filter(({ id }) => holders.some(({ nodeId }) => nodeId === id));
      const isPrivate = (await credentials.forImage(wanted.image)) !== undefined;
      const preferred = withImage.length > 0 ? withImage : eligible.slice(0, isPrivate ? 1 : 0);
      return (flags.onDemand === true ? preferred : eligible).map((node) => async () => {
        const present = holders.find(({ nodeId }) => nodeId === node.id);
        if (flags.onDemand !== true || isPullDue(wanted.when, present, cli.now())) {
          await pullTo(wanted, node, present);
        }
      });
    });
    await runWithLimit(cli.options.parallel, (await Promise.all(jobs)).flat());
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
    readonly digests: Digests;
  },
  { image, platform }: ImageToPull,
  node: Node,
  onMoved: (moved: Meter) => void,
): Promise<void> {
  const { cli, client, credentials, digests } = around;
  const digest = digests.get(image);
  const auth = await credentials.forImage(image);
  const args = {
    node: node.id,
    image,
    ...(digest === undefined ? {} : { digest }),
    ...(platform === undefined ? {} : { platform }),
    ...(auth === undefined ? {} : { auth }),
  };
  const meter = new LayerMeter();
  await readEngineOutput(await client.open('pull', args, cli.interrupts.signal), (line) => {
    const moved = meter.read(line);
    if (moved !== undefined) onMoved(moved);
  });
}
