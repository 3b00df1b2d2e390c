import type { Node } from '../../common/model/node.js';
import { parsePlatform, runsPlatform } from '../../common/model/platform.js';

/**
 * Nodes that pull an image: those that have it under this name, so that no copy becomes stale, or
 * else one of each platform. Others copy it from them when they run it. `platform` is the client's
 * wish, `os/arch[/variant]`.
 */
export function selectPullNodes(
  ready: readonly Node[],
  holders: readonly Node[],
  platform: string,
): readonly Node[] {
  const wanted = platform === '' ? undefined : parsePlatform(platform);
  const fits = ({ description: { os, arch } }: Node): boolean =>
    wanted === undefined || runsPlatform(wanted, os, arch);
  const fitting = holders.filter(fits);
  if (fitting.length > 0) return fitting;
  const active = ready.filter(({ spec }) => spec.availability === 'active');
  const candidates = (active.length > 0 ? active : ready).filter(fits);
  const byPlatform = new Map<string, Node>();
  for (const node of candidates) {
    const { os, arch } = node.description;
    if (!byPlatform.has(`${os}/${arch}`)) byPlatform.set(`${os}/${arch}`, node);
  }
  // An engine also pulls images that it cannot run.
  if (byPlatform.size === 0) return ready.slice(0, 1);
  return [...byPlatform.values()];
}
