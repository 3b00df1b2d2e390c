import type { NodeId } from '../common/model/ids.js';
import { parsePlatform, runsPlatform } from '../common/model/platform.js';
import type { SeenImage } from '../common/protocol/worker-calls.js';

/** A node that has an image, and what it has. */
export interface ImageHolder extends SeenImage {
  readonly nodeId: NodeId;
  readonly name: string;
}

/**
 * The node to take an image from: of those whose image fits the platform the one that was built last,
 * since a tag may have moved on some nodes only; of equals the first by name.
 */
export function bestSource(
  holders: readonly ImageHolder[],
  platform: string,
): ImageHolder | undefined {
  return holders
    .filter((holder) => fits(holder.platform, platform))
    .sort((a, b) => b.createdAt - a.createdAt || (a.name < b.name ? -1 : 1))[0];
}

function fits(have: string, want: string): boolean {
  const { os, arch } = parsePlatform(have);
  return runsPlatform(parsePlatform(want), os, arch);
}
