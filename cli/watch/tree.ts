import { lstat, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { WatchRule } from './rules.js';
import { concerns } from './rules.js';

/** What is below a watched path: a mark of each file, folder and link, by path relative to it (`''`: itself). */
export type TreeMarks = ReadonlyMap<string, string>;

/** Reads what a rule is about. A file that vanishes while it is looked at is not there. */
export async function readMarks(rule: WatchRule): Promise<TreeMarks> {
  const marks = new Map<string, string>();
  const look = async (path: string): Promise<boolean> => {
    const about = await lstat(join(rule.path, path)).catch(() => undefined);
    if (about === undefined) return false;
    const folder = about.isDirectory();
    const wanted = folder
      ? path !== '' && rule.include === undefined
      : about.isFile() || about.isSymbolicLink();
    if (wanted && concerns(rule, path)) {
      const content = folder ? 'folder' : `${String(about.size)} ${String(about.mtimeMs)}`;
      marks.set(path, `${String(about.mode)} ${content}`);
    }
    return folder;
  };
  const walk = async (folder: string): Promise<void> => {
    const names = await readdir(join(rule.path, folder)).catch(() => []);
    for (const name of names.sort()) {
      const path = folder === '' ? name : `${folder}/${name}`;
      if (rule.ignore.prunes && rule.ignore.ignores(path)) continue;
      if (await look(path)) await walk(path);
    }
  };
  if (await look('')) await walk('');
  return marks;
}

export interface TreeChange {
  /** New or different, parents before what is in them. */
  readonly changed: readonly string[];
  /** Gone; what was in a folder that is gone is not named. */
  readonly removed: readonly string[];
}

/** What has to be done to a copy of `before` for it to be `now`. */
export function diffMarks(before: TreeMarks, now: TreeMarks): TreeChange {
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
