import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import { AppError } from '../../manager/common/base/errors.js';

/** A file of an archive; parent folders are created when it is unpacked. */
export interface ArchiveFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer | string;
}

/** A file, folder or link on disk and its name in the archive. */
export interface TreeEntry {
  readonly path: string;
  readonly source: string;
  /** Keep uid and gid; root otherwise. */
  readonly keepOwner?: boolean;
}

/** A reproducible tar: owned by root, mtime 0. */
export async function packTar(files: readonly ArchiveFile[]): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const { path, mode, content } of files) {
    archive.entry({ name: path, mode, mtime: new Date(0), uid: 0, gid: 0 }, content);
  }
  archive.finalize();
  return bytes;
}

/** Streams a tar of files, folders and links on disk; sockets and devices are skipped. */
export function packTree(
  entries: AsyncIterable<TreeEntry>,
  extra: readonly ArchiveFile[] = [],
): NodeJS.ReadableStream {
  const archive = pack();
  const fill = async (): Promise<void> => {
    for await (const entry of entries) await packEntry(archive, entry);
    for (const { path, mode, content } of extra) archive.entry({ name: path, mode }, content);
    archive.finalize();
  };
  fill().catch((error: unknown) => {
    archive.destroy(error instanceof Error ? error : new Error(String(error)));
  });
  return archive as unknown as NodeJS.ReadableStream;
}

async function packEntry(archive: Pack, { path, source, keepOwner }: TreeEntry): Promise<void> {
  const stats = await lstat(source);
  const owner = keepOwner === true ? { uid: stats.uid, gid: stats.gid } : { uid: 0, gid: 0 };
  const header = { name: path, mode: stats.mode & 0o7777, mtime: stats.mtime, ...owner };
  if (stats.isDirectory()) archive.entry({ ...header, type: 'directory' });
  else if (stats.isSymbolicLink()) {
    archive.entry({ ...header, type: 'symlink', linkname: await readlink(source) });
  } else if (stats.isFile()) {
    // Reads at most the size in the header: a file that grows meanwhile would break the archive.
    const { size } = stats;
    const sink = archive.entry({ ...header, size });
    if (size === 0) sink.end(undefined);
    else await pipeline(createReadStream(source, { end: size - 1 }), sink);
  }
}

/**
 * Unpacks a tar below `root`. `place` maps an entry's name to its target path; undefined skips the
 * entry. Symbolic links are created but never followed, because the archive may come from an
 * untrusted container. Throws `invalid` for an entry outside `root`, `unsupported` for a hard link.
 */
export async function unpackTree(
  archive: NodeJS.ReadableStream,
  root: string,
  place: (name: string) => string | undefined,
): Promise<void> {
  const reader = extract();
  archive.on('error', (error) => reader.destroy(error as Error));
  archive.pipe(reader);
  for await (const entry of reader) {
    if (entry.header.name.split('/').includes('..')) {
      throw new AppError(
        'invalid',
        `archive entry is outside the target folder: ${JSON.stringify(entry.header.name)}`,
      );
    }
    const target = place(entry.header.name);
    if (target !== undefined)
      await unpackEntry(entry.header, entry as unknown as NodeJS.ReadableStream, root, target);
    entry.resume();
  }
}

async function unpackEntry(
  header: Header,
  data: NodeJS.ReadableStream,
  root: string,
  target: string,
): Promise<void> {
  const mode = header.mode & 0o777;
  await checkInside(root, target);
  if (header.type === 'directory') {
    const existing = await lstat(target).catch(() => undefined);
    if (existing?.isSymbolicLink() === true) {
      throw new AppError('invalid', `archive entry would replace the link ${target} by a folder`);
    }
    await mkdir(target, { recursive: true });
    await chmod(target, mode | 0o700);
    return;
  }
  await mkdir(dirname(target), { recursive: true });
  if (header.type === 'symlink') {
    await rm(target, { force: true });
    await symlink(header.linkname, target);
  } else if (header.type === 'link') {
    throw new AppError('unsupported', `${header.name}: hard links are not supported`);
  } else if (header.type === 'file') {
    await rm(target, { force: true });
    await pipeline(data, createWriteStream(target, { mode }));
    await chmod(target, mode);
  }
}

/** Throws `invalid` for a target outside `root`, or behind a symbolic link below `root`. */
async function checkInside(root: string, target: string): Promise<void> {
  const [base, full] = [resolve(root), resolve(target)];
  if (full !== base && !full.startsWith(base === sep ? sep : base + sep)) {
    throw new AppError('invalid', `archive entry is outside the target folder: ${target}`);
  }
  let at = base;
  for (const part of dirname(full).slice(base.length).split(sep)) {
    if (part === '') continue;
    at = join(at, part);
    const stats = await lstat(at).catch(() => undefined);
    if (stats?.isSymbolicLink() === true) {
      throw new AppError('invalid', `archive entry is behind the symbolic link ${at}`);
    }
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
