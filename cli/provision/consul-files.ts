import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { writeFileAtomic } from '../inventory/machine-store.js';

/** What a cluster's managers need to speak to Consul, and its agents to each other. Kept 0600. */
export interface ConsulFiles {
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** 32 bytes, base64: encrypts what agents on our machines gossip. */
  readonly gossipKey?: string;
}

/** Paths on this computer, from flags. */
export type ConsulFilePaths = Readonly<
  Partial<Record<'token' | 'ca' | 'cert' | 'key', string | undefined>>
>;

const names = ['token', 'ca', 'cert', 'key', 'gossipKey'] as const;

function folderOf(home: string, cluster: string): string {
  return join(home, 'clusters', `${cluster}.consul`);
}

/** Reads files that were named by flags; throws `invalid` that names what cannot be read. */
export async function readNamedFiles(paths: ConsulFilePaths): Promise<ConsulFiles> {
  const read = async ([name, path]: [string, string | undefined]): Promise<[string, string][]> => {
    if (path === undefined) return [];
    try {
      return [[name, await readFile(path, 'utf8')]];
    } catch (error) {
      throw new AppError('invalid', `--consul-${name}: ${messageOf(error)}`, { cause: error });
    }
  };
  const found = await Promise.all(Object.entries(paths).map((entry) => read(entry)));
  return Object.fromEntries(found.flat());
}

/** For a Consul of our own. */
export function newConsulSecrets(): Required<Pick<ConsulFiles, 'gossipKey' | 'token'>> {
  return { gossipKey: randomBytes(32).toString('base64'), token: randomUUID() };
}

/** Keeps copies with the cluster, so that machines can be provisioned again. */
export async function keepConsulFiles(
  home: string,
  cluster: string,
  files: ConsulFiles,
): Promise<void> {
  const folder = folderOf(home, cluster);
  for (const name of names) {
    const text = files[name];
    if (text === undefined) continue;
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await writeFileAtomic(join(folder, name), text, 0o600);
  }
}

export async function loadConsulFiles(home: string, cluster: string): Promise<ConsulFiles> {
  const folder = folderOf(home, cluster);
  const found = await Promise.all(
    names.map(async (name): Promise<[string, string][]> => {
      const text = await readFile(join(folder, name), 'utf8').catch(() => undefined);
      return text === undefined ? [] : [[name, text]];
    }),
  );
  return Object.fromEntries(found.flat());
}

export async function forgetConsulFiles(home: string, cluster: string): Promise<void> {
  await rm(folderOf(home, cluster), { recursive: true, force: true });
}
