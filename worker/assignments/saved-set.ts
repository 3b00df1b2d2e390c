import { mkdir, readFile, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { array, object, string } from '../../manager/common/base/decode.js';
import { assignedFile, assignmentSet } from '../../manager/common/protocol/assignment-decoders.js';
import type { Logger } from '../../manager/common/base/log.js';
import type { AssignedFile, AssignmentSet } from '../../manager/common/protocol/assignments.js';
import { DurableFile } from './durable-file.js';

/** The last assignment set and the id of the boot in which it was applied. */
export interface SavedSet {
  readonly bootId: string;
  readonly set: AssignmentSet;
}

interface SavedSecrets {
  readonly files: readonly AssignedFile[];
}

const savedSet = object<SavedSet>({ bootId: string, set: assignmentSet });
const savedSecrets = object<SavedSecrets>({ files: array(assignedFile) });

export interface SavedSetPaths {
  readonly dataDir: string;
  /** On tmpfs: its content is lost at reboot, and a manager sends it again. */
  readonly secretsDir: string;
  readonly clusterId: string;
}

/**
 * Persists the last assignment set across worker restarts. Everything is on disk except the
 * contents of secrets, which stay in memory.
 */
export class SavedAssignments {
  readonly #set: DurableFile<SavedSet>;
  readonly #secrets: DurableFile<SavedSecrets>;
  #saved: readonly AssignedFile[] | undefined;

  constructor({ dataDir, secretsDir, clusterId }: SavedSetPaths, log: Logger) {
    this.#set = new DurableFile(join(dataDir, 'assignments.json'), savedSet, log);
    this.#secrets = new DurableFile(join(secretsDir, `${clusterId}.json`), savedSecrets, log);
  }

  async load(): Promise<SavedSet | undefined> {
    const [saved, secrets] = await Promise.all([this.#set.load(), this.#secrets.load()]);
    if (saved === undefined) return undefined;
    const files = [...saved.set.files, ...(secrets?.files ?? [])];
    return { ...saved, set: { ...saved.set, files } };
  }

  async save(saved: SavedSet): Promise<void> {
    const { plain, secrets } = partition(saved.set.files);
    // Secrets are written before the tasks that use them, so that every saved task finds its
    // secrets.
    if (this.#saved === undefined || !sameFiles(this.#saved, secrets)) {
      await this.#secrets.save({ files: secrets });
      this.#saved = secrets;
    }
    await this.#set.save({ ...saved, set: { ...saved.set, files: plain } });
  }
}

/** True if a saved set belongs to this node, not to another cluster or node. */
export function belongsToNode(
  saved: SavedSet | undefined,
  node: { readonly clusterId: string; readonly nodeId: string },
): saved is SavedSet {
  return saved?.set.clusterId === node.clusterId && saved.set.nodeId === node.nodeId;
}

/** Id of the current boot; empty if the system has none. */
export async function readBootId(): Promise<string> {
  const text = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '');
  return text.trim();
}

function partition(files: readonly AssignedFile[]): {
  readonly plain: readonly AssignedFile[];
  readonly secrets: readonly AssignedFile[];
} {
  return {
    plain: files.filter(({ kind }) => kind !== 'secret'),
    secrets: files.filter(({ kind }) => kind === 'secret'),
  };
}

function sameFiles(a: readonly AssignedFile[], b: readonly AssignedFile[]): boolean {
  return a.length === b.length && a.every((file, at) => file === b[at]);
}

/**
 * Creates the folder of the secrets and warns if it is not on a memory file system. If it cannot be
 * created, the first task with a secret reports the error.
 */
export async function prepareSecretsDir(secretsDir: string, log: Logger): Promise<void> {
  await mkdir(secretsDir, { recursive: true, mode: 0o700 }).catch(() => undefined);
  if (await isInMemory(secretsDir)) return;
  log.warn(`secrets would be stored on disk: ${secretsDir} is not on tmpfs; set secretsDir`);
}

/** Magic numbers of tmpfs and ramfs (linux/magic.h). */
const memoryFileSystems: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** True if the folder is on a memory file system; false if that cannot be determined. */
export async function isInMemory(folder: string): Promise<boolean> {
  try {
    return memoryFileSystems.has((await statfs(folder)).type);
  } catch {
    return false;
  }
}
