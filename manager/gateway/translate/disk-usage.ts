import { isFields, type Fields } from '../../common/base/decode.js';

/** A node's answer to `GET /system/df`. */
export interface NodeDiskUsage {
  readonly node: string;
  readonly value: unknown;
}

function listOf(report: Fields, key: string): readonly Fields[] {
  const list = report[key];
  return Array.isArray(list) ? list.filter(isFields) : [];
}

/**
 * Adds up the disk usage of several nodes. An image on two nodes is listed twice, since it takes
 * its space twice. Containers are those of the cluster: `names` has their names by id.
 */
export function mergeDiskUsage(
  usages: readonly NodeDiskUsage[],
  names: ReadonlyMap<string, string>,
): object {
  const reports = usages.flatMap(({ node, value }) => (isFields(value) ? [{ node, value }] : []));
  const all = (key: string): readonly Fields[] =>
    reports.flatMap(({ value }) => listOf(value, key));
  return {
    LayersSize: reports.reduce((sum, { value }) => sum + (Number(value.LayersSize) || 0), 0),
    Images: all('Images'),
    Containers: all('Containers').flatMap((container) => {
      const name = names.get(String(container.Id));
      return name === undefined ? [] : [{ ...container, Names: [name] }];
    }),
    Volumes: all('Volumes'),
    BuildCache: all('BuildCache'),
  };
}

/** Plugins of several nodes, each once by name. */
export function mergePlugins(answers: readonly unknown[]): readonly Fields[] {
  const plugins = answers.flatMap((answer) =>
    Array.isArray(answer) ? answer.filter(isFields) : [],
  );
  return [...new Map(plugins.map((plugin) => [String(plugin.Name), plugin])).values()];
}

/** Bytes of each volume by name, added up over the answers of several nodes to `GET /system/df`. */
export function volumeSizes(answers: readonly unknown[]): ReadonlyMap<string, number> {
  const sizes = new Map<string, number>();
  for (const answer of answers.filter(isFields)) {
    for (const { Name, UsageData } of listOf(answer, 'Volumes')) {
      const size = isFields(UsageData) ? Number(UsageData.Size) : NaN;
      // The engine reports -1 for a volume that it cannot measure.
      if (typeof Name !== 'string' || !(size > 0)) continue;
      sizes.set(Name, (sizes.get(Name) ?? 0) + size);
    }
  }
  return sizes;
}
