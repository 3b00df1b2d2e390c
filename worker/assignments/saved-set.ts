import { readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../manager/common/base/log.js';
import type { AssignedFile, AssignmentSet } from '../../manager/common/protocol/assignments.js';
import { DurableFile } from './durable-file.js';

/** The last set, and the boot of the machine that it was acted on in. */
export interface SavedSet {
  readonly bootId: string;
  readonly set: AssignmentSet;
}

interface SavedSecrets {
  readonly files: readonly AssignedFile[];
}

export interface SavedSetPlaces {
  readonly dataDir: string;
  /** In memory: what is here is gone after a boot, and a manager is asked again. */
  readonly secretsDir: string;
  readonly clusterId: string;
}

/**
 * The last assignment set over a restart of the worker. All of it is on disk but the contents of secrets,
 * which are in memory only.
 */
export class SavedAssignments {
  readonly #set: DurableFile<SavedSet>;
  readonly #secrets: DurableFile<SavedSecrets>;
  #saved: readonly AssignedFile[] | undefined;

  constructor({ dataDir, secretsDir, clusterId }: SavedSetPlaces, log: Logger) {
    this.#set = new DurableFile(join(dataDir, 'assignments.json'), log);
    this.#secrets = new DurableFile(join(secretsDir, `${clusterId}.json`), log);
  }

  async load(): Promise<SavedSet | undefined> {
    const [saved, secrets] = await Promise.all([this.#set.load(), this.#secrets.load()]);
    // Another version may have left something else here; the worker looks at the rest of it.
    const open: readonly AssignedFile[] | undefined = saved?.set.files;
    if (saved === undefined || open === undefined) return saved;
    const files = [...open, ...(secrets?.files ?? [])];
    return { ...saved, set: { ...saved.set, files } };
  }

  async save(saved: SavedSet): Promise<void> {
    const { open, secrets } = parted(saved.set.files);
    // Before the tasks that use them: a task that is known finds its secrets.
    if (this.#saved === undefined || !isSame(this.#saved, secrets)) {
      await this.#secrets.save({ files: secrets });
      this.#saved = secrets;
    }
    await this.#set.save({ ...saved, set: { ...saved.set, files: open } });
  }
}

/** Whether a saved set is whole and this node's, not what another version, cluster or node has left here. */
export function isOfNode(
  saved: SavedSet | undefined,
  node: { readonly clusterId: string; readonly nodeId: string },
): saved is SavedSet {
  const set: Partial<AssignmentSet> | undefined = saved?.set;
  const complete =
    Array.isArray(set?.tasks) && Array.isArray(set.networks) && Array.isArray(set.endpoints);
  return complete && set.clusterId === node.clusterId && set.nodeId === node.nodeId;
}

/** Tells one boot of the machine from another; empty where the system has none. */
export async function readBootId(): Promise<string> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return text.trim();
}

function parted(files: readonly AssignedFile[]): {
  readonly open: readonly AssignedFile[];
  readonly secrets: readonly AssignedFile[];
} {
  return {
    open: files.filter(({ kind }) => kind !== 'secret'),
    secrets: files.filter(({ kind }) => kind === 'secret'),
  };
}

function isSame(a: readonly AssignedFile[], b: readonly AssignedFile[]): boolean {
  return a.length === b.length && a.every((file, at) => file === b[at]);
}

/** Magic numbers of tmpfs and ramfs (linux/magic.h). */
const memoryFileSystems: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** Whether what is written to a folder stays in memory. False when that cannot be told. */
export async function isInMemory(folder: string): Promise<boolean> {
  try {
    return memoryFileSystems.has((await statfs(folder)).type);
  } catch {
    return false;
  }
}
