import { randomBytes, randomUUID } from 'node:crypto';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AppError, messageOf } from '../../manager/common/base/errors.js';
import { createConsulAuthority } from '../certificates/consul-authority.js';
import { writeFileAtomic } from '../inventory/machine-store.js';

/** Credentials for Consul: of the managers as clients, and of the agents among each other. */
export interface ConsulFiles {
  readonly token?: string;
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  /** 32 bytes, base64: the gossip encryption key of the managed Consul. */
  readonly gossipKey?: string;
  /** The CA of the managed Consul's agents, PEM. Its key never leaves this computer. */
  readonly agentCa?: string;
  readonly agentCaKey?: string;
}

/** Paths on this computer, from the --consul-* flags. */
export type ConsulFilePaths = Readonly<
  Partial<Record<'token' | 'ca' | 'cert' | 'key', string | undefined>>
>;

const names = ['token', 'ca', 'cert', 'key', 'gossipKey', 'agentCa', 'agentCaKey'] as const;

function folderOf(home: string, cluster: string): string {
  return join(home, 'clusters', `${cluster}.consul`);
}

/** Reads the files named by flags; throws `invalid` with the flag of an unreadable file. */
export async function readConsulFlagFiles(paths: ConsulFilePaths): Promise<ConsulFiles> {
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

/** Generates the gossip key, management token and CA of a managed Consul. */
export async function newConsulSecrets(
  cluster: string,
): Promise<Required<Pick<ConsulFiles, 'gossipKey' | 'token' | 'agentCa' | 'agentCaKey'>>> {
  const { cert, key } = await createConsulAuthority(cluster, new Date());
  return {
    gossipKey: randomBytes(32).toString('base64'),
    token: randomUUID(),
    agentCa: cert,
    agentCaKey: key,
  };
}

/**
 * Saves copies below `clusters/NAME.consul` with mode 0600, so that machines can be provisioned
 * again. Files that are undefined are left unchanged.
 */
export async function saveConsulFiles(
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

export async function deleteConsulFiles(home: string, cluster: string): Promise<void> {
  await rm(folderOf(home, cluster), { recursive: true, force: true });
}
