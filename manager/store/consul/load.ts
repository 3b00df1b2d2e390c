import { AppError } from '../../common/base/errors.js';
import type { TableName } from '../store.js';
import type { KvClient, KvEntry } from './client.js';
import {
  decodeObject,
  journalPrefix,
  leaderKey,
  metaKey,
  partKey,
  partCountOf,
  partsPrefix,
} from './keys.js';
import { tableOf } from '../table-definitions.js';
import type { KnownKey } from './plan.js';

export interface LoadedObjects {
  readonly records: readonly { readonly table: TableName; readonly value: object }[];
  readonly known: Map<string, KnownKey>;
  /** Orphaned parts that no object refers to, left by unfinished writes. */
  readonly leftovers: readonly string[];
}

/** Maximum keys of one response, which limits it to a few megabytes. */
const keysPerRead = 4_000;
const readConcurrency = 4;

/**
 * Reads every object below `root` (with trailing slash). The many reads form a consistent snapshot
 * only without concurrent writes, so the caller holds the fence and verifies it afterwards. Throws
 * `internal` that names the key for a foreign or damaged key.
 */
export async function loadObjects(
  client: KvClient,
  root: string,
  keys: readonly string[],
): Promise<LoadedObjects> {
  const names = keys.map((key) => key.slice(root.length));
  for (const name of names) assertOurs(root, name);
  const wanted = names.filter((name) => tableOf(name) !== undefined || isPart(name));
  const prefixes = splitPrefixes(wanted, '');
  const entries = new Map<string, KvEntry>();
  await forEachConcurrent(prefixes, readConcurrency, async (prefix) => {
    for (const entry of await client.list(root + prefix)) {
      entries.set(entry.key.slice(root.length), entry);
    }
  });
  return assemble(root, entries);
}

/** Reads one object; undefined if it is absent, incomplete or damaged. */
export async function loadObject(
  client: Pick<KvClient, 'get'>,
  root: string,
  name: string,
): Promise<object | undefined> {
  const entry = await client.get(root + name);
  if (entry === undefined) return undefined;
  const bytes = [entry.value];
  for (let part = 1; part <= partCountOf(entry.flags); part += 1) {
    const piece = await client.get(root + partKey(name, part));
    if (piece === undefined) return undefined;
    bytes.push(piece.value);
  }
  return decodeObject(Buffer.concat(bytes), entry.flags);
}

function isPart(name: string): boolean {
  return name.startsWith(partsPrefix);
}

function assertOurs(root: string, name: string): void {
  if (name === metaKey || name === leaderKey || name.startsWith(journalPrefix)) return;
  if (isPart(name) || tableOf(name) !== undefined) return;
  throw new AppError(
    'internal',
    `consul key ${root}${name}: was not written by shoal; remove it or choose another prefix`,
  );
}

/** Splits the names into prefixes with at most `limit` names each. Exported for tests. */
export function splitPrefixes(
  names: readonly string[],
  prefix: string,
  limit = keysPerRead,
): readonly string[] {
  if (names.length === 0) return [];
  if (prefix !== '' && names.length <= limit) return [prefix];
  const groups = new Map<string, string[]>();
  for (const name of names) {
    // A name equal to the prefix cannot be read by a longer prefix: keep the whole prefix.
    if (name.length === prefix.length) return [prefix];
    const next = name.slice(0, nextLength(name, prefix));
    const group = groups.get(next);
    if (group === undefined) groups.set(next, [name]);
    else group.push(name);
  }
  return [...groups].flatMap(([next, group]) => splitPrefixes(group, next, limit));
}

/** Length of the next longer prefix: the whole table name first, then one character at a time. */
function nextLength(name: string, prefix: string): number {
  return prefix === '' ? name.indexOf('/') + 1 : prefix.length + 1;
}

function assemble(root: string, entries: ReadonlyMap<string, KvEntry>): LoadedObjects {
  const known = new Map<string, KnownKey>();
  const records: { table: TableName; value: object }[] = [];
  const pieces = new Set<string>();
  for (const [name, entry] of entries) {
    known.set(name, { index: entry.index, flags: entry.flags });
    const table = tableOf(name);
    if (table === undefined) continue;
    const bytes = [entry.value];
    for (let part = 1; part <= partCountOf(entry.flags); part += 1) {
      const piece = entries.get(partKey(name, part));
      if (piece !== undefined) bytes.push(piece.value);
      pieces.add(partKey(name, part));
    }
    const value = decodeObject(Buffer.concat(bytes), entry.flags);
    if (value === undefined) {
      throw new AppError(
        'internal',
        `consul key ${root}${name}: value was changed by hand or is damaged; restore or remove the key`,
      );
    }
    records.push({ table, value });
  }
  const leftovers = [...entries.keys()].filter((name) => isPart(name) && !pieces.has(name));
  return { records, known, leftovers };
}

/**
 * Runs `work` on every item, at most `concurrency` at a time; stops at the first error and throws
 * it.
 */
export async function forEachConcurrent<Item>(
  items: readonly Item[],
  concurrency: number,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const remaining = items.values();
  const failed = new AbortController();
  const run = async (): Promise<void> => {
    for (const item of remaining) {
      if (failed.signal.aborted) return;
      try {
        await work(item);
      } catch (error) {
        failed.abort();
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(concurrency, items.length) }, run));
}
