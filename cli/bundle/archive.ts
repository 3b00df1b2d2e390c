import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { chmod, lstat, mkdir, readlink, rm, symlink } from 'node:fs/promises';
import { dirname, join, resolve, sep } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { extract, pack, type Header, type Pack } from 'tar-stream';
import { AppError } from '../../manager/common/base/errors.js';

/** One file of an archive; its folder appears by itself when unpacked. */
export interface ArchiveFile {
  readonly path: string;
  readonly mode: number;
  readonly content: Buffer | string;
}

/** Something on disk and the name it gets in an archive. */
export interface TreeEntry {
  readonly path: string;
  readonly source: string;
  /** Keep user and group; else everything belongs to root. */
  readonly keepOwner?: boolean;
}

/** A tar of these files, owned by root and without times: same files, same bytes. */
export async function toTar(files: readonly ArchiveFile[]): Promise<Buffer> {
  const archive = pack();
  const bytes = buffer(archive);
  for (const { path, mode, content } of files) {
    archive.entry({ name: path, mode, mtime: new Date(0), uid: 0, gid: 0 }, content);
  }
  archive.finalize();
  return bytes;
}

/** A tar of files, folders and links on disk, read as it is read; sockets and devices are left out. */
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
  const about = await lstat(source);
  const owner = keepOwner === true ? { uid: about.uid, gid: about.gid } : { uid: 0, gid: 0 };
  const header = { name: path, mode: about.mode & 0o7777, mtime: about.mtime, ...owner };
  if (about.isDirectory()) archive.entry({ ...header, type: 'directory' });
  else if (about.isSymbolicLink()) {
    archive.entry({ ...header, type: 'symlink', linkname: await readlink(source) });
  } else if (about.isFile()) {
    // A file that grows while it is read must not break the archive: only what was there is sent.
    const { size } = about;
    const sink = archive.entry({ ...header, size });
    if (size === 0) sink.end(undefined);
    else await pipeline(createReadStream(source, { end: size - 1 }), sink);
  }
}

/**
 * Unpacks a tar; `place` says where an entry goes, undefined leaves it out. Links are made as they are, but
 * nothing is ever written through one: an archive of a foreign container must not reach other files.
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
        `the archive has an entry outside its folder: ${JSON.stringify(entry.header.name)}`,
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
    const there = await lstat(target).catch(() => undefined);
    if (there?.isSymbolicLink() === true) {
      throw new AppError('invalid', `the archive has a folder in place of the link ${target}`);
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
    throw new AppError('unsupported', `${header.name}: hard links are not copied`);
  } else if (header.type === 'file') {
    await rm(target, { force: true });
    await pipeline(data, createWriteStream(target, { mode }));
    await chmod(target, mode);
  }
}

/** Throws `invalid` for a place outside `root`, or one that a link below `root` leads to. */
async function checkInside(root: string, target: string): Promise<void> {
  const [base, full] = [resolve(root), resolve(target)];
  if (full !== base && !full.startsWith(base === sep ? sep : base + sep)) {
    throw new AppError('invalid', `the archive has an entry outside its folder: ${target}`);
  }
  let at = base;
  for (const part of dirname(full).slice(base.length).split(sep)) {
    if (part === '') continue;
    at = join(at, part);
    const about = await lstat(at).catch(() => undefined);
    if (about?.isSymbolicLink() === true) {
      throw new AppError('invalid', `the archive has an entry behind the link ${at}`);
    }
  }
}

export function sha256(bytes: Buffer): string {
  return createHash('sha256').update(bytes).digest('hex');
}
