import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WatchRule } from './rules.js';
import { ruleApplies } from './rules.js';

/**
 * Snapshot of a watched path: a fingerprint of each file, directory and link, by path relative to
 * the watched one (`''` is the watched path itself).
 */
export type TreeSnapshot = ReadonlyMap<string, string>;

/**
 * Takes a snapshot of the paths of a rule. A file that vanishes during the scan counts as absent.
 */
export async function takeSnapshot(rule: WatchRule): Promise<TreeSnapshot> {
  const marks = new Map<string, string>();
  const visit = async (path: string): Promise<boolean> => {
    const stats = await lstat(join(rule.path, path)).catch(() => undefined);
    if (stats === undefined) return false;
    const folder = stats.isDirectory();
    const recorded = folder
      ? path !== '' && rule.include === undefined
      : stats.isFile() || stats.isSymbolicLink();
    if (recorded && ruleApplies(rule, path)) {
      const content = folder ? 'folder' : `${String(stats.size)} ${String(stats.mtimeMs)}`;
      marks.set(path, `${String(stats.mode)} ${content}`);
    }
    return folder;
  };
  const walk = async (folder: string): Promise<void> => {
    const names = await readdir(join(rule.path, folder)).catch(() => []);
    for (const name of names.sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (rule.ignore.canPrune && rule.ignore.ignores(path)) continue;
      if (await visit(path)) await walk(path);
    }
  };
  if (await visit('')) await walk('');
  return marks;
}

export interface TreeChange {
  /** New or modified paths, parents before their children. */
  readonly changed: readonly string[];
  /** Removed paths; children of a removed directory are not listed. */
  readonly removed: readonly string[];
}

/** Returns the change from snapshot `before` to snapshot `now`. */
export function diffSnapshots(before: TreeSnapshot, now: TreeSnapshot): TreeChange {
  const changed = [...now]
    .filter(([path, mark]) => before.get(path) !== mark)
    .map(([path]) => path);
  const gone = [...before.keys()].filter((path) => !now.has(path));
  const isGone = new Set(gone);
  const removed = gone.filter((path) => !parentsOf(path).some((parent) => isGone.has(parent)));
  return { changed: changed.sort(), removed: removed.sort() };
}

function parentsOf(path: string): readonly string[] {
  const parts = path.split('/');
  return parts.slice(1).map((_part, at) => parts.slice(0, at + 1).join('/'));
}
