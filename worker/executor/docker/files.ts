import { chmod, chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError } from '../../../manager/common/base/errors.js';
import type { TaskId } from '../../../manager/common/model/ids.js';
import type { AssignedFile, AssignedTask } from '../../../manager/common/protocol/assignments.js';
import type { TaskInputs } from '../executor.js';
import type { HostFile } from './create-options.js';
import { resolverFile } from './resolver-file.js';

export interface FilePlaces {
  /** In memory, not on disk. */
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
 * Files of the host that a task's containers see: resolver, secrets, configs. They are named by the
 * task that made the container, which they outlive no longer than it.
 */
export class TaskFiles {
  readonly #places: FilePlaces;

  constructor(places: FilePlaces) {
    this.#places = places;
  }

  /** Where all of them are. */
  get folders(): readonly string[] {
    const { secretsDir, dataDir } = this.#places;
    return [secretsDir, join(dataDir, 'configs'), join(dataDir, 'resolv')];
  }

  /** Where they are, without writing them. */
  async plan(task: AssignedTask, inputs: TaskInputs, maker: TaskId): Promise<readonly HostFile[]> {
    return await this.#plan(task, inputs, maker);
  }

  /** Writes them: also before each later start, since secrets are gone after a reboot. */
  async write(task: AssignedTask, inputs: TaskInputs, maker: TaskId): Promise<void> {
    for (const file of await this.#plan(task, inputs, maker)) await writeOne(file);
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
  ): Promise<readonly PlannedFile[]> {
    const resolver = await this.#resolver(task, inputs, maker);
    return [...(resolver === undefined ? [] : [resolver]), ...this.#mounted(task, inputs, maker)];
  }

  async #resolver(
    task: AssignedTask,
    inputs: TaskInputs,
    maker: TaskId,
  ): Promise<PlannedFile | undefined> {
    const { dataDir, hostResolver } = this.#places;
    const { nameserver } = inputs;
    if (nameserver === undefined) return undefined;
    const spec = task.spec.container;
    const host = await readFile(hostResolver, 'utf8').catch(() => '');
    return {
      source: join(dataDir, 'resolv', maker, 'resolv.conf'),
      target: '/etc/resolv.conf',
      data: resolverFile({ nameserver, search: spec.dnsSearch, options: spec.dnsOptions, host }),
      mode: 0o644,
      uid: 0,
      gid: 0,
    };
  }

  #mounted(task: AssignedTask, inputs: TaskInputs, maker: TaskId): readonly PlannedFile[] {
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
        uid: numeric(mount.uid),
        gid: numeric(mount.gid),
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
    // After a boot the secrets are gone from memory: a manager hands them out again.
    throw new AppError('unavailable', `${kind} ${name} has not come from a manager yet`);
  }
  return found;
}

function numeric(id: string): number {
  const value = Number(id === '' ? 0 : id);
  if (Number.isInteger(value) && value >= 0) return value;
  throw new AppError('invalid', `owner ${id} of a secret or config: a number is needed`);
}

/** Replaced whole, so that a container never sees half a file. Owners need root; without it they stay ours. */
async function writeOne(file: PlannedFile): Promise<void> {
  const folder = join(file.source, '..');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  if (await isSame(file)) return;
  const fresh = `${file.source}.new`;
  await writeFile(fresh, file.data, { mode: 0o600 });
  if (process.getuid?.() === 0) await chown(fresh, file.uid, file.gid);
  await chmod(fresh, file.mode);
  await rename(fresh, file.source);
}

async function isSame(file: PlannedFile): Promise<boolean> {
  const present = await readFile(file.source).catch(() => undefined);
  return present !== undefined && Buffer.from(file.data).equals(present);
}
