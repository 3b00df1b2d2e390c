import { randomUUID } from 'node:crypto';
import {
  chmod,
  copyFile,
  mkdir,
  readdir,
  readlink,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { AppError } from '../../manager/common/base/errors.js';
import { isFileNotFound, readFileIfExists } from '../../manager/common/base/files.js';
import type { LocalClusterRecord } from './cluster-record.js';
import { parseCluster } from './cluster-record.js';
import { withFileLock } from './file-lock.js';
import type { MachineRecord } from './machine-record.js';
import { checkMachineName, parseMachineRecord } from './machine-record.js';

/** The folder of the user's store: the flag, SHOAL_HOME, or ~/.shoal, in this order. */
export function resolveStoreFolder(flag: string | undefined, env: NodeJS.ProcessEnv): string {
  if (flag !== undefined && flag !== '') return flag;
  const fromEnv = env.SHOAL_HOME;
  return fromEnv !== undefined && fromEnv !== '' ? fromEnv : join(homedir(), '.shoal');
}

/** Writes a file atomically: a reader sees the old or the new content, never a partial file. */
export async function writeFileAtomic(path: string, text: string, mode: number): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const partial = `${path}.${randomUUID()}.new`;
  await writeFile(partial, text, { mode });
  await rename(partial, path);
}

/** Age at which a reserved name without a record counts as abandoned. */
const abandonedMs = 5 * 60_000;

/**
 * The user's records on disk: `certs/`, `engines/NAME/`, `machines/NAME/`, `clusters/NAME.json`,
 * `current`, `cache/`. Holds no state in memory, so that several processes may share a store.
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

  /** Certificates of an imported cluster. */
  clusterFolder(name: string): string {
    return join(this.home, 'clusters', name);
  }

  /** The CA of a cluster's engines ('' for standalone machines) and the certificate for them. */
  engineFolder(cluster: string): string {
    return join(this.home, 'engines', cluster === '' ? '_standalone' : cluster);
  }

  machineFolder(name: string): string {
    return join(this.home, 'machines', name);
  }

  /** The absolute path of a path relative to the store. */
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
      if (isFileNotFound(error)) return [];
      throw error;
    }
  }

  async find(name: string): Promise<MachineRecord | undefined> {
    const path = join(this.machineFolder(name), 'config.json');
    const text = await readFileIfExists(path);
    return text === undefined ? undefined : parseMachineRecord(text, path);
  }

  /** Loads a machine's record; throws `not-found` if there is none. */
  async load(name: string): Promise<MachineRecord> {
    checkMachineName(name);
    const record = await this.find(name);
    if (record !== undefined) return record;
    throw new AppError(
      'not-found',
      `machine "${name}" not found; list machines with "shoal machine ls", add one with "shoal machine create"`,
    );
  }

  /** All records, sorted by name; skips machines that another process is creating. */
  async list(): Promise<readonly MachineRecord[]> {
    const found = await Promise.all((await this.names()).map(async (name) => this.find(name)));
    return found.filter((record) => record !== undefined);
  }

  async save(record: MachineRecord): Promise<void> {
    const path = join(this.machineFolder(record.Name), 'config.json');
    await writeFileAtomic(path, `${JSON.stringify(record, undefined, 2)}\n`, 0o600);
  }

  /** Reserves a machine name for this process; throws `conflict` if it is taken. */
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
    // DOCKER_CERT_PATH points here; the links are relative, so that a store can be moved.
    for (const file of ['ca.pem', 'cert.pem', 'key.pem']) {
      await symlink(join('..', '..', 'certs', file), join(this.machineFolder(name), file));
    }
  }

  /** Points the links in a machine's folder at the certificate for the engines of its cluster. */
  async linkCertificates(name: string, cluster: string): Promise<void> {
    const folder = this.machineFolder(name);
    for (const file of ['cert.pem', 'key.pem']) {
      const target = relative(folder, join(this.engineFolder(cluster), file));
      const path = join(folder, file);
      // Missing, or a file that is no link: replaced.
      const seen = await readlink(path).catch(() => undefined);
      if (seen === target) continue;
      const fresh = `${path}.${randomUUID()}.new`;
      await symlink(target, fresh);
      await rename(fresh, path);
    }
  }

  /** True if a process reserved the name and died before it saved a record. */
  async #isAbandoned(name: string): Promise<boolean> {
    if ((await this.find(name)) !== undefined) return false;
    const { mtimeMs } = await stat(this.machineFolder(name));
    return Date.now() - mtimeMs > abandonedMs;
  }

  async forget(name: string): Promise<void> {
    await rm(this.machineFolder(name), { recursive: true, force: true });
  }

  /**
   * Copies a private key, or the public key of one in an agent, into the machine's folder with the
   * certificate beside it. Returns its path relative to the store.
   */
  async copyKey(name: string, keyPath: string): Promise<string> {
    const isPublic = keyPath.endsWith('.pub');
    const kept = join('machines', name, isPublic ? 'id_rsa.pub' : 'id_rsa');
    await copyFile(keyPath, this.resolve(kept));
    await chmod(this.resolve(kept), 0o600);
    const stem = isPublic ? keyPath.slice(0, -'.pub'.length) : keyPath;
    const certificate = join('machines', name, 'id_rsa-cert.pub');
    await copyFile(`${stem}-cert.pub`, this.resolve(certificate)).catch((error: unknown) => {
      if (!isFileNotFound(error)) throw error;
    });
    return kept;
  }

  async findCluster(name: string): Promise<LocalClusterRecord | undefined> {
    const path = join(this.home, 'clusters', `${name}.json`);
    const text = await readFileIfExists(path);
    return text === undefined ? undefined : parseCluster(text, path);
  }

  /** Changes a cluster's record under a lock; `change` returns undefined to delete it. */
  async updateCluster(
    name: string,
    change: (seen: LocalClusterRecord | undefined) => LocalClusterRecord | undefined,
  ): Promise<void> {
    const path = join(this.home, 'clusters', `${name}.json`);
    await withFileLock(`${path}.lock`, async () => {
      const wanted = change(await this.findCluster(name));
      if (wanted === undefined) await rm(path, { force: true });
      else await writeFileAtomic(path, `${JSON.stringify(wanted, undefined, 2)}\n`, 0o600);
    });
  }

  /** The default cluster of commands without --cluster. */
  async currentCluster(): Promise<string | undefined> {
    const text = (await readFileIfExists(join(this.home, 'current')))?.trim();
    return text === '' ? undefined : text;
  }

  async setCurrentCluster(name: string | undefined): Promise<void> {
    const path = join(this.home, 'current');
    if (name === undefined) await rm(path, { force: true });
    else await writeFileAtomic(path, `${name}\n`, 0o600);
  }
}
