import type { NodeId } from '../common/model/ids.js';
import { parsePlatform, runsPlatform } from '../common/model/platform.js';
import type { NodeImage } from '../common/protocol/worker-calls.js';

/** A node that has an image, with the facts of its copy. */
export interface ImageHolder extends NodeImage {
  readonly nodeId: NodeId;
  readonly name: string;
}

/**
 * Chooses the node to copy an image from: the newest build that fits the platform, since a tag may
 * have moved on some nodes only; ties go to the first name. Undefined if no copy fits.
 */
export function selectImageSource(
  holders: readonly ImageHolder[],
  platform: string,
): ImageHolder | undefined {
  return holders
    .filter((holder) => fits(holder.platform, platform))
    .sort((a, b) => b.createdAt - a.createdAt || a.name.localeCompare(b.name, 'en'))[0];
}

function fits(have: string, want: string): boolean {
  const { os, arch } = parsePlatform(have);
  return runsPlatform(parsePlatform(want), os, arch);
}
