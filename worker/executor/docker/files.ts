import { chmod, chown, mkdir, readFile, rename, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../manager/common/base/errors.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { AssignedFile, AssignedTask } from '../../../manager/common/protocol/assignments.js';
import type { TaskInputs } from '../executor.js';
import type { HostFile } from './create-options.js';
import { rootOwner, type FileOwner } from './file-owner.js';
import { formatResolvConf, hostServers } from './resolv-conf.js';

export interface TaskFilePaths {
  /** Directory on tmpfs. */
  readonly secretsDir: string;
  readonly dataDir: string;
  readonly hostResolver: string;
}

interface PlannedFile extends HostFile {
  readonly data: Uint8Array | string;
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
}

/**
 * Host files mounted into a task's containers: resolv.conf, secrets, configs. They are stored under
 * the id of the task that created the container and are removed with that container.
 */
export class TaskFiles {
  readonly #places: TaskFilePaths;

  constructor(places: TaskFilePaths) {
    this.#places = places;
  }

  /** The parent folders of all files. */
  get folders(): readonly string[] {
    const { secretsDir, dataDir } = this.#places;
    return [secretsDir, join(dataDir, 'configs'), join(dataDir, 'resolv')];
  }

  /** Plans source and target of each file without writing it. */
  async plan(task: AssignedTask, inputs: TaskInputs, maker: TaskId): Promise<readonly HostFile[]> {
    return await this.#plan(task, inputs, maker, rootOwner);
  }

  /**
   * Writes the files, also before each later start, as secrets are lost at reboot. `owner` applies to
   * secrets and configs without an id of their own.
   */
  async write(
    task: AssignedTask,
    inputs: TaskInputs,
    maker: TaskId,
    owner: FileOwner = rootOwner,
  ): Promise<void> {
    for (const file of await this.#plan(task, inputs, maker, owner)) await writePlanned(file);
  }

  /**
   * Points the resolver of a container at its first network after its networks have changed. The
   * file is written in place, since a mount keeps the file that it was made from.
   */
  async repoint(task: AssignedTask, inputs: TaskInputs, maker: TaskId): Promise<void> {
    const file = await this.#resolver(task, inputs, maker);
    if (file === undefined || (await isUnchanged(file))) return;
    await writeFile(file.source, file.data, { flag: 'r+' });
    await truncate(file.source, Buffer.byteLength(file.data));
  }

  async remove(maker: TaskId): Promise<void> {
    for (const folder of this.#folders(maker)) await rm(folder, { recursive: true, force: true });
  }

  async removeAll(): Promise<void> {
    for (const folder of this.folders) {
      await rm(folder, { recursive: true, force: true });
    }
  }

  #folders(maker: TaskId): readonly string[] {
    const { secretsDir, dataDir } = this.#places;
    return [
      join(secretsDir, maker),
      join(dataDir, 'configs', maker),
      join(dataDir, 'resolv', maker),
    ];
  }

  async #plan(
    task: AssignedTask,
    inputs: TaskInputs,
    maker: TaskId,
    owner: FileOwner,
  ): Promise<readonly PlannedFile[]> {
    const resolver = await this.#resolver(task, inputs, maker);
    const mounted = this.#mounted(task, inputs, maker, owner);
    return [...(resolver === undefined ? [] : [resolver]), ...mounted];
  }

  async #resolver(
    task: AssignedTask,
    inputs: TaskInputs,
    maker: TaskId,
  ): Promise<PlannedFile | undefined> {
    const { dataDir, hostResolver } = this.#places;
    const { nameserver, usesHostResolver = false } = inputs;
    if (nameserver === undefined && !usesHostResolver) return undefined;
    const spec = task.spec.container;
    const host = await readFile(hostResolver, 'utf8').catch(() => '');
    const nameservers = nameserver === undefined ? hostServers(spec.dns, host) : [nameserver];
    return {
      source: join(dataDir, 'resolv', maker, 'resolv.conf'),
      target: '/etc/resolv.conf',
      data: formatResolvConf({
        nameservers,
        search: spec.dnsSearch,
        options: spec.dnsOptions,
        host,
      }),
      mode: 0o644,
      uid: 0,
      gid: 0,
    };
  }

  #mounted(
    task: AssignedTask,
    inputs: TaskInputs,
    maker: TaskId,
    owner: FileOwner,
  ): readonly PlannedFile[] {
    const { secretsDir, dataDir } = this.#places;
    return task.spec.container.files.map((mount, index) => {
      const folder =
        mount.kind === 'secret' ? join(secretsDir, maker) : join(dataDir, 'configs', maker);
      const found = findFile(inputs.files, mount.kind, mount.source);
      return {
        source: join(folder, String(index)),
        target: mount.target,
        data: Buffer.from(found.data, 'base64'),
        mode: mount.mode,
        uid: numeric(mount.uid, owner.uid),
        gid: numeric(mount.gid, owner.gid),
      };
    });
  }
}

function findFile(
  files: readonly AssignedFile[],
  kind: AssignedFile['kind'],
  name: string,
): AssignedFile {
  const found = files.find((file) => file.kind === kind && file.name === name);
  if (found === undefined) {
    // Secrets in memory are lost at reboot; a manager sends them again.
    throw new AppError(
      'unavailable',
      `${kind} ${name} is not available on this node yet; waiting for a manager to send it`,
    );
  }
  return found;
}

function numeric(id: string, fallback: number): number {
  const value = id === '' ? fallback : Number(id);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new AppError(
    'invalid',
    `uid or gid "${id}" of a secret or config must be a non-negative number`,
  );
}

/**
 * Replaces the file atomically, so that a container never reads a partial file. Changing the owner
 * needs root; without root the worker's user stays the owner.
 */
async function writePlanned(file: PlannedFile): Promise<void> {
  const folder = join(file.source, '..');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (await isUnchanged(file)) {
    await setAccess(file.source, file);
    return;
  }
  const temporary = `${file.source}.new`;
  await writeFile(temporary, file.data, { mode: 0o600 });
  await setAccess(temporary, file);
  await rename(temporary, file.source);
}

async function setAccess(path: string, { uid, gid, mode }: PlannedFile): Promise<void> {
  if (process.getuid?.() === 0) await chown(path, uid, gid);
  await chmod(path, mode);
}

async function isUnchanged(file: PlannedFile): Promise<boolean> {
  const present = await readFile(file.source).catch(() => undefined);
  return present !== undefined && Buffer.from(file.data).equals(present);
}
