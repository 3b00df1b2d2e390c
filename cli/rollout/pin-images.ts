import { messageOf } from '../../manager/common/base/errors.js';
import { RegistryCredentials } from '../build/registry-auth.js';
import type { Cli } from '../cli.js';
import type { ControlClient } from '../client/client.js';
import { warn } from '../project/progress-output.js';
import type { ImageToPull } from './pull-policy.js';
import { isPullDue } from './pull-policy.js';
import { runWithLimit } from './run-with-limit.js';

/** Maximum number of concurrent look-ups. */
const atOnce = 8;
/** Deadline of a look-up, which may ask two nodes one after the other, ms. */
const pinMs = 40_000;

/** Digest of an image in its registry, `sha256:…`, by its name. */
export type Digests = ReadonlyMap<string, string>;

/**
 * Chooses the digest that all nodes pull and run of each image: the registry's present one where a
 * pull is due, else the one that the cluster has. Warns where a registry does not answer, as each
 * node then pulls the tag by itself.
 */
export async function pinImages(
  cli: Cli,
  client: ControlClient,
  images: readonly ImageToPull[],
): Promise<Digests> {
  const digests = new Map<string, string>();
  const credentials = new RegistryCredentials(cli.env);
  const pin = (wanted: ImageToPull) => async () => {
    const { image } = wanted;
    const refresh = await isDue(cli, client, wanted);
    const auth = await credentials.forImage(image);
    const { signal } = cli.interrupts;
    const args = { image, refresh, ...(auth === undefined ? {} : { auth }) };
    const { digest, problem } = await client
      .call('image.pin', args, { signal, timeoutMs: pinMs })
      .catch((error: unknown): { digest?: string; problem: string } => {
        signal.throwIfAborted();
        return { problem: messageOf(error) };
      });
    if (digest !== undefined) digests.set(image, digest);
    if (problem !== undefined && !wanted.buildable) warn(cli, unpinned(image, problem));
  };
  await runWithLimit(atOnce, images.map(pin));
  return digests;
}

function unpinned(image: string, problem: string): string {
  return `image ${image}: could not be accessed on a registry to record its digest; nodes that pull it may run different versions: ${problem}`;
}

async function isDue(
  cli: Cli,
  client: ControlClient,
  { image, when }: ImageToPull,
): Promise<boolean> {
  if (when.kind !== 'older') return when.kind === 'always';
  const { signal } = cli.interrupts;
  const holders = await client.call('image.find', { image }, { signal });
  return holders.some((holder) => isPullDue(when, holder, cli.now()));
}
