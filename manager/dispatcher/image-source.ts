import type { NodeId } from '../common/model/ids.js';
import { parsePlatform, runsPlatform } from '../common/model/platform.js';
import type { NodeImage } from '../common/protocol/worker-calls.js';

/** A node that has an image, with what it says of its copy. */
export interface ImageHolder extends NodeImage {
  readonly nodeId: NodeId;
  readonly name: string;
}

export type ImageSource =
  | { readonly kind: 'found'; readonly holder: ImageHolder }
  /** No node has it for the platform. */
  | { readonly kind: 'missing' }
  /** Nodes have it with other contents than the recorded one, or with different ones. */
  | { readonly kind: 'differs'; readonly holders: readonly ImageHolder[] };

/**
 * Chooses the node to copy an image from: the first by name that has the recorded content. Without
 * a record every copy for the platform must have the same content, as any node may claim another.
 */
export function selectImageSource(
  holders: readonly ImageHolder[],
  platform: string,
  recordedId: string | undefined,
): ImageSource {
  const fitting = holders
    .filter((holder) => fits(holder.platform, platform))
    .sort((a, b) => a.name.localeCompare(b.name, 'en'));
  const wanted = recordedId ?? fitting[0]?.id;
  const found = fitting.filter(({ id }) => id === wanted);
  const [holder] = found;
  if (holder !== undefined && (recordedId !== undefined || found.length === fitting.length)) {
    return { kind: 'found', holder };
  }
  return fitting.length === 0 ? { kind: 'missing' } : { kind: 'differs', holders: fitting };
}

function fits(have: string, want: string): boolean {
  const { os, arch } = parsePlatform(have);
  return runsPlatform(parsePlatform(want), os, arch);
}
