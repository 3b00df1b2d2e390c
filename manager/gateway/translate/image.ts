import type { EngineImage } from '../../common/protocol/worker-calls.js';
import { isFields } from '../../common/base/decode.js';

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

/**
 * Takes the filter `node` out of a query: engines do not know it. `isWanted` says whether a node
 * is selected.
 */
export function nodeFilter(query: URLSearchParams): {
  readonly isWanted: (node: string) => boolean;
  readonly query: URLSearchParams;
} {
  const text = query.get('filters') ?? '';
  const value: unknown = text === '' ? {} : parsedFilters(text);
  if (!isFields(value) || !('node' in value)) return { isWanted: () => true, query };
  const { node, ...rest } = value;
  const names: readonly unknown[] = isFields(node) ? Object.keys(node) : [];
  const wanted: readonly unknown[] = Array.isArray(node) ? node : names;
  const engineQuery = new URLSearchParams(query);
  engineQuery.set('filters', JSON.stringify(rest));
  return { isWanted: (name) => wanted.includes(name), query: engineQuery };
}

/** Undefined if the text is not JSON: the engine says what is wrong with it. */
function parsedFilters(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** Adds up the answers of several nodes to a prune request. */
export function mergePruned(answers: readonly unknown[], key: string): object {
  const reports = answers.filter(isFields);
  const deleted = reports.flatMap((report): readonly unknown[] => {
    const list = report[key];
    return Array.isArray(list) ? list : [];
  });
  const reclaimed = reports.reduce((sum, { SpaceReclaimed }) => sum + Number(SpaceReclaimed), 0);
  return { [key]: deleted, SpaceReclaimed: reclaimed };
}
