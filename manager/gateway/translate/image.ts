import type { EngineImage } from '../../common/protocol/worker-calls.js';
import type { QueryFilters } from '../filters.js';
import { matchesFilter, flagFilter, hasLabels } from '../filters.js';
import { parseImage } from './image-name.js';

export const imageFilters = ['dangling', 'label', 'node', 'reference'];

/** Images of one node. */
export interface NodeImages {
  readonly node: string;
  readonly images: readonly EngineImage[];
}

export interface ClusterImage extends EngineImage {
  /** Names of the nodes that have the image. */
  readonly nodes: readonly string[];
}

/** Merges images by ID, newest first, with the tags and digests from all nodes. */
export function mergeImages(found: readonly NodeImages[]): readonly ClusterImage[] {
  const merged = new Map<string, ClusterImage>();
  for (const { node, images } of found) {
    for (const image of images) {
      const known = merged.get(image.Id);
      merged.set(image.Id, {
        ...image,
        RepoTags: union(known?.RepoTags, image.RepoTags),
        RepoDigests: union(known?.RepoDigests, image.RepoDigests),
        nodes: [...(known?.nodes ?? []), node],
      });
    }
  }
  return [...merged.values()].sort((a, b) => b.Created - a.Created || (a.Id < b.Id ? -1 : 1));
}

/**
 * Union of names. Drops `<none>:<none>`, which Docker Engines before 24 report for untagged images.
 */
function union(
  known: readonly string[] | null = [],
  more: readonly string[] | null = [],
): readonly string[] {
  const named = [...(known ?? []), ...(more ?? [])].filter((name) => !name.startsWith('<none>'));
  return [...new Set(named)];
}

export function matchesImage(image: ClusterImage, filters: QueryFilters): boolean {
  const { RepoTags: tags, nodes, Labels: labels } = image;
  const dangling = flagFilter(filters, 'dangling');
  return (
    (dangling === undefined || dangling === ((tags ?? []).length === 0)) &&
    matchesFilter(filters, 'node', (value) => nodes.includes(value)) &&
    matchesFilter(filters, 'reference', (value) =>
      (tags ?? []).some((tag) => matches(tag, value)),
    ) &&
    hasLabels(filters, labels ?? {})
  );
}

/** Matches `redis`, `redis:7` or `shop/*`; a star matches within one path component. */
function matches(tag: string, pattern: string): boolean {
  const [has, wanted] = [parseImage(tag), parseImage(pattern)];
  return glob(wanted.name).test(has.name) && (wanted.tag === '' || glob(wanted.tag).test(has.tag));
}

function glob(pattern: string): RegExp {
  const escaped = pattern.replaceAll(/[.+^${}()|[\]\\]/gu, String.raw`\$&`);
  return new RegExp(`^${escaped.replaceAll('*', '[^/]*').replaceAll('?', '[^/]')}$`, 'u');
}
