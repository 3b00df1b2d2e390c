import { randomUUID } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import { isMissing, readIfThere } from '../../manager/common/base/files.js';
import type { ClusterRecord } from './cluster-record.js';
import { parseCluster } from './cluster-record.js';
import { withFileLock } from './file-lock.js';
import type { MachineRecord } from './record.js';
import { checkMachineName, parseRecord } from './record.js';

/** The folder of the user's store: the flag, else SHOAL_HOME, else ~/.shoal. */
export function storeFolder(flag: string | undefined, env: NodeJS.ProcessEnv): string {
  if (flag !== undefined && flag !== '') return flag;
  const fromEnv = env.SHOAL_HOME;
  return fromEnv !== undefined && fromEnv !== '' ? fromEnv : join(homedir(), '.shoal');
}

/** Writes a file so that a reader sees the old or the new one, never half of it. */
export async function writeFileAtomic(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${randomUUID()}.new`;
  await writeFile(partial, text, { mode });
  await rename(partial, path);
}

/** Until there is a record, a machine is only being connected to. */
const abandonedMs = 5 * 60_000;

/**
 * The user's records on disk: `certs/`, `machines/NAME/`, `clusters/NAME.json`, `current`, `cache/`.
 * Holds nothing in memory, so that several processes may work on one store.
 */
export class MachineStore {
  readonly home: string;

  constructor(home: string) {
    this.home = home;
  }

  get certsFolder(): string {
    return join(this.home, 'certs');
  }

  get cacheFolder(): string {
    return join(this.home, 'cache');
  }

  machineFolder(name: string): string {
    return join(this.home, 'machines', name);
  }

  /** An absolute path for one that a record holds relative to the store. */
  resolve(relative: string): string {
    return join(this.home, relative);
  }

  async names(): Promise<readonly string[]> {
    try {
      const entries = await readdir(join(this.home, 'machines'), { withFileTypes: true });
      return entries
        .filter((entry) => entry.isDirectory())
        .map((entry) => entry.name)
        .sort();
    } catch (error) {
      if (isMissing(error)) return [];
      throw error;
    }
  }

  async find(name: string): Promise<MachineRecord | undefined> {
    const path = join(this.machineFolder(name), 'config.json');
    const text = await readIfThere(path);
    return text === undefined ? undefined : parseRecord(text, path);
  }

  /** Throws `not-found` with docker-machine's advice. */
  async load(name: string): Promise<MachineRecord> {
    checkMachineName(name);
    const record = await this.find(name);
    if (record !== undefined) return record;
    throw new AppError(
      'not-found',
      `machine "${name}" does not exist; "shoal machine ls" lists machines, "shoal machine create" adds one`,
    );
  }

  /** All records by name; a machine that another process is just creating has none yet. */
  async list(): Promise<readonly MachineRecord[]> {
    const found = await Promise.all((await this.names()).map(async (name) => this.find(name)));
    return found.filter((record) => record !== undefined);
  }

  async save(record: MachineRecord): Promise<void> {
    const path = join(this.machineFolder(record.Name), 'config.json');
    await writeFileAtomic(path, `${JSON.stringify(record, undefined, 2)}\n`, 0o600);
  }

  /** Takes a name for this process alone; throws `conflict` when it is taken. */
  async reserve(name: string): Promise<void> {
    checkMachineName(name);
    await mkdir(join(this.home, 'machines'), { recursive: true, mode: 0o700 });
    try {
      await mkdir(this.machineFolder(name), { mode: 0o700 });
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      if (!(await this.#isAbandoned(name))) {
        throw new AppError('conflict', `machine "${name}" already exists`);
      }
      await this.forget(name);
      await this.reserve(name);
      return;
    }
    // What DOCKER_CERT_PATH points at; relative, so that a store can be moved.
    for (const file of ['ca.pem', 'cert.pem', 'key.pem']) {
      await symlink(join('..', '..', 'certs', file), join(this.machineFolder(name), file));
    }
  }

  /** A name that a program took long ago and then died before there was a record. */
  async #isAbandoned(name: string): Promise<boolean> {
    if ((await this.find(name)) !== undefined) return false;
    const { mtimeMs } = await stat(this.machineFolder(name));
    return Date.now() - mtimeMs > abandonedMs;
  }

  async forget(name: string): Promise<void> {
    await rm(this.machineFolder(name), { recursive: true, force: true });
  }

  /** Copies a private key into the machine's folder and returns its path relative to the store. */
  async keepKey(name: string, keyPath: string): Promise<string> {
    const kept = join('machines', name, 'id_rsa');
    await copyFile(keyPath, this.resolve(kept));
    await chmod(this.resolve(kept), 0o600);
    return kept;
  }

  async findCluster(name: string): Promise<ClusterRecord | undefined> {
    const path = join(this.home, 'clusters', `${name}.json`);
    const text = await readIfThere(path);
    return text === undefined ? undefined : parseCluster(text, path);
  }

  /** Changes a cluster's record under a lock; `undefined` from `change` removes it. */
  async updateCluster(
    name: string,
    change: (seen: ClusterRecord | undefined) => ClusterRecord | undefined,
  ): Promise<void> {
    const path = join(this.home, 'clusters', `${name}.json`);
    await withFileLock(`${path}.lock`, async () => {
      const wanted = change(await this.findCluster(name));
      if (wanted === undefined) await rm(path, { force: true });
      else await writeFileAtomic(path, `${JSON.stringify(wanted, undefined, 2)}\n`, 0o600);
    });
  }

  /** The cluster commands act on when none is named. */
  async currentCluster(): Promise<string | undefined> {
    const text = (await readIfThere(join(this.home, 'current')))?.trim();
    return text === '' ? undefined : text;
  }

  async setCurrentCluster(name: string | undefined): Promise<void> {
    const path = join(this.home, 'current');
    if (name === undefined) await rm(path, { force: true });
    else await writeFileAtomic(path, `${name}\n`, 0o600);
  }
}
