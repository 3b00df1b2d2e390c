import { lstat, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { AppError, messageOf } from '../../../../manager/common/base/errors.js';
import { isWithin, normalizePath } from '../../../../manager/common/model/trust/project-policy.js';

/*
 * The engine follows symbolic links in the source of a bind mount, at each start of a container. A
 * container that can write to a folder could therefore redirect a mount below that folder to any
 * path of the machine. A check alone would race with it, so two rules hold for sources in folders
 * that a policy allows: at creation there is no link below the allowed folder, and while the
 * container exists no other one can write to a folder above the source.
 */

/** A folder of the machine that a container mounts, by a bind or by a volume that binds it. */
export interface HostMount {
  readonly source: string;
  readonly readOnly: boolean;
}

/** A container on this machine. */
export interface MountingContainer {
  readonly name: string;
  readonly mounts: readonly HostMount[];
  /** Sources that no other container may redirect. */
  readonly confined: readonly string[];
}

export interface MountRequest {
  readonly mounts: readonly HostMount[];
  /** Folders that the policy of the project allows. */
  readonly confinedTo: readonly string[];
}

/** Folders that the worker's unit hides from it. */
const hiddenFolders: readonly string[] = ['/home', '/root', '/run/user', '/tmp', '/var/tmp'];

/** The sources of the mounts that are in allowed folders, without duplicates. */
export function confinedSources({ mounts, confinedTo }: MountRequest): readonly string[] {
  const sources = mounts.map(({ source }) => normalizePath(source) ?? source);
  return [...new Set(sources.filter((source) => rootOf(source, confinedTo) !== undefined))].sort();
}

/**
 * Throws `forbidden` if a source in an allowed folder could lead out of it, or if a mount would let
 * the container change a folder above such a source of a container of this machine.
 */
export async function checkConfinement(
  request: MountRequest,
  others: readonly MountingContainer[],
  hidden = hiddenFolders,
): Promise<void> {
  const own = confinedSources(request);
  for (const source of own) {
    const root = rootOf(source, request.confinedTo) ?? source;
    refuseHidden(source, hidden);
    await refuseLinks(source, root);
    const itself = { name: 'the container itself', mounts: request.mounts };
    await refuseWriters(source, [itself, ...others]);
  }
  const writer = { name: 'this container', mounts: request.mounts };
  for (const { name, confined } of others) {
    for (const source of confined) {
      await refuseWriters(source, [writer], `, which container ${name} mounts`);
    }
  }
}

/** The widest allowed folder that contains the source: containers may own everything below it. */
function rootOf(source: string, folders: readonly string[]): string | undefined {
  return [...folders]
    .sort((a, b) => a.length - b.length)
    .find((folder) => isWithin(source, folder));
}

function refuseHidden(source: string, folders: readonly string[]): void {
  const hidden = folders.find((folder) => isWithin(source, folder));
  if (hidden === undefined) return;
  throw new AppError(
    'forbidden',
    `bind mount ${source}: the worker does not see ${hidden}, so it cannot check the path for symbolic links; allow a folder elsewhere, such as /srv`,
  );
}

async function refuseLinks(source: string, root: string): Promise<void> {
  let path = root;
  for (const part of source.slice(root === '/' ? 0 : root.length).split('/')) {
    if (part === '') continue;
    path = join(path, part);
    const seen = await lstat(path).catch(absent);
    // The engine creates the missing rest.
    if (seen === undefined) return;
    if (!seen.isSymbolicLink()) continue;
    throw new AppError(
      'forbidden',
      `bind mount ${source}: ${path} is a symbolic link below the allowed folder ${root}; mount its target, or replace the link`,
    );
  }
}

/** Throws `forbidden` if one of the containers can write to a folder above the source. */
async function refuseWriters(
  source: string,
  containers: readonly Pick<MountingContainer, 'name' | 'mounts'>[],
  about = '',
): Promise<void> {
  const paths = foldersAbove(source);
  // A folder may have another name: a link, or a mount point of the machine.
  const identities = new Set(await Promise.all(paths.map(identityOf)));
  for (const { name, mounts } of containers) {
    for (const mount of mounts) {
      if (mount.readOnly) continue;
      const identity = await identityOf(mount.source);
      const isAbove =
        paths.includes(normalizePath(mount.source) ?? '') ||
        (identity !== undefined && identities.has(identity));
      if (!isAbove) continue;
      throw new AppError(
        'forbidden',
        `bind mount ${source}${about}: ${name} can write to ${mount.source} above it and lead it elsewhere; mount that folder read-only, or the same folder in both`,
      );
    }
  }
}

function foldersAbove(source: string): readonly string[] {
  const folders: string[] = [];
  for (let folder = source; folder !== '/';) {
    folder = dirname(folder);
    folders.push(folder);
  }
  return folders;
}

/** Device and inode of the folder that the path leads to; undefined if it is missing. */
async function identityOf(path: string): Promise<string | undefined> {
  const seen = await stat(path).catch(absent);
  return seen === undefined ? undefined : `${String(seen.dev)}:${String(seen.ino)}`;
}

/** Undefined for a path that leads nowhere. Throws `unavailable` for other errors. */
function absent(error: unknown): undefined {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT' || code === 'ENOTDIR' || code === 'ELOOP') return undefined;
  throw new AppError(
    'unavailable',
    `bind mount: the worker cannot check a folder: ${messageOf(error)}; retrying`,
    { cause: error },
  );
}
